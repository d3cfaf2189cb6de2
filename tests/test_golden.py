"""The output for a fixed account equals the reviewed golden files."""

from __future__ import annotations

import pytest

from scripts import golden

NAMES = sorted(
    str(path.relative_to(golden.FOLDER))
    for path in golden.FOLDER.rglob("*")
    if path.is_file()
)


@pytest.fixture(scope="module")
def built() -> dict[str, str]:
    return golden.build()


def test_each_part_of_the_output_has_a_golden_file(
    built: dict[str, str],
) -> None:
    assert sorted(built) == NAMES, "run `python -m scripts.golden`"


@pytest.mark.parametrize("name", NAMES)
def test_output_equals_its_golden_file(name: str, built: dict[str, str]) -> None:
    reviewed = (golden.FOLDER / name).read_text(encoding="utf-8").splitlines()
    current = built[name].splitlines()
    changes = [
        f"line {number}:\n- {old[:400]}\n+ {new[:400]}"
        for number, (old, new) in enumerate(zip(reviewed, current, strict=False), 1)
        if old != new
    ]
    message = "\n".join(changes[:3]) + "\nif intended, run `python -m scripts.golden`"
    assert not changes, message
    assert len(reviewed) == len(current), f"{len(reviewed)} lines, now {len(current)}"
