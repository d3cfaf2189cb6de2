"""What a run over a fixed account gives its users is as it was reviewed."""

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


def test_there_is_a_golden_file_for_each_part_of_the_output(
    built: dict[str, str],
) -> None:
    assert sorted(built) == NAMES, "run `python -m scripts.golden`"


@pytest.mark.parametrize("name", NAMES)
def test_a_golden_file_is_as_reviewed(name: str, built: dict[str, str]) -> None:
    reviewed = (golden.FOLDER / name).read_text(encoding="utf-8").splitlines()
    now = built[name].splitlines()
    changed = [
        f"line {number}:\n- {old[:400]}\n+ {new[:400]}"
        for number, (old, new) in enumerate(zip(reviewed, now, strict=False), 1)
        if old != new
    ]
    message = "\n".join(changed[:3]) + "\nif meant, run `python -m scripts.golden`"
    assert not changed, message
    assert len(reviewed) == len(now), f"{len(reviewed)} lines, now {len(now)}"
