"""The pictures of the documentation show what commands print, and nothing else."""

from __future__ import annotations

import re
import typing as t
import xml.etree.ElementTree as ET

import pytest

from scripts import pictures

if t.TYPE_CHECKING:
    from pathlib import Path

ROOT = pictures.ROOT
PAGES = {
    path.name: path.read_text(encoding="utf-8") for path in (ROOT / "docs").glob("*.md")
}
NAMES = sorted(path.name for path in pictures.FOLDER.iterdir())
DRAWN = [f"{name}.svg" for name in pictures.SHOTS]
NAMESPACE = "http://www.w3.org/2000/svg"


def words(svg: str) -> str:
    """Return the text of a picture."""
    text = "\n".join(ET.fromstring(svg).itertext())  # noqa: S314 (our own)
    return text.replace("\xa0", " ")


def test_there_is_a_picture_of_each_command_and_page() -> None:
    assert sorted([*DRAWN, "consent.png", "report.png"]) == NAMES


@pytest.mark.parametrize("name", NAMES)
def test_a_picture_is_on_a_page_with_a_text_for_who_does_not_see_it(name: str) -> None:
    shown = re.compile(rf"!\[[^\]]{{40,}}\]\(images/{re.escape(name)}\)")
    assert any(map(shown.search, PAGES.values()))


@pytest.mark.parametrize("name", DRAWN)
def test_a_picture_loads_nothing_and_names_no_machine(name: str) -> None:
    svg = (pictures.FOLDER / name).read_text(encoding="utf-8")
    assert re.findall(r"\w+://[^\s\"']+", svg) == [NAMESPACE]
    assert "@import" not in svg
    assert "url(" not in re.sub(r"url\(#[\w-]+\)", "", svg)
    text = words(svg)
    assert {*re.findall(r"127\.0\.0\.1:\d+", text)} <= {"127.0.0.1:58080"}
    assert {*re.findall(r"\d{4}-\d\d-\d\d", text)} <= {"2026-03-20"}
    assert not re.search(r"(?<![\w.])/(home|root|tmp|usr|work|Users)\b", text)


@pytest.fixture(scope="module")
def built() -> t.Iterator[dict[str, str]]:
    with pytest.MonkeyPatch.context() as patch:
        # No setting of whoever draws is in a picture.
        patch.setenv("TAP_ZOHOCAMPAIGNS_DATA_CENTER", "mars")
        yield {name: words(svg) for name, svg in pictures.build().items()}


@pytest.mark.slow
@pytest.mark.parametrize(
    ("name", "texts"),
    [
        ("plan", ["getcampaignrecipientsdata", "This plan took"]),
        ("doctor", ["warning", "--add-scope", "Zoho accepts them"]),
        ("run", ["> messages.jsonl", "campaign_recipients", " rows", " calls"]),
    ],
)
def test_a_picture_shows_what_the_command_prints(
    built: dict[str, str], name: str, texts: list[str]
) -> None:
    command = f"$ tap-zohocampaigns {pictures.SHOTS[name].arguments}"
    for text in [command, *texts]:
        assert re.sub(r"\s+", " ", text) in re.sub(r"\s+", " ", built[name])


@pytest.mark.slow
def test_plan_is_drawn_as_it_is_now(built: dict[str, str]) -> None:
    drawn = (pictures.FOLDER / "plan.svg").read_text(encoding="utf-8")
    assert words(drawn) == built["plan"], "run `python -m scripts.pictures`"


@pytest.mark.slow
def test_the_consent_page_is_drawn(tmp_path: Path) -> None:
    path = tmp_path / "consent.png"
    pictures.draw_consent(path)
    assert path.read_bytes().startswith(b"\x89PNG")
