"""The picture of the rooms of `harness/` says what the code says, and is drawn from it."""

from dataclasses import replace
from pathlib import Path

import pytest

from release.rooms import FLOORS, REPORT_ROOMS, ROOMS, as_text, room_of, rooms_of_the_harness
from release.rooms_picture import PICTURE, draw, stored_text

STALE = "the picture is out of date: `./bootstrap tox run -e rooms` draws it"


def test_the_stored_picture_has_the_rooms_their_purposes_and_their_imports_as_they_are() -> None:
    assert stored_text() == as_text(rooms_of_the_harness()), STALE


def test_a_further_import_and_another_purpose_make_the_picture_out_of_date() -> None:
    *others, last = rooms_of_the_harness()
    for changed in (replace(last, imports=(*last.imports, "results")), replace(last, purpose="Another one")):
        assert stored_text() != as_text([*others, changed])


def test_what_is_drawn_says_what_it_was_drawn_from(tmp_path: Path) -> None:
    first, *others = rooms_of_the_harness()
    rooms = [replace(first, purpose="A <room> & no other"), *others]
    draw(rooms, tmp_path / "rooms.svg")
    assert stored_text(tmp_path / "rooms.svg") == as_text(rooms)
    drawn = (tmp_path / "rooms.svg").read_text(encoding="utf-8")
    assert all(f">{room.name}<" in drawn for room in rooms) and all(floor.split()[0] in drawn for floor in FLOORS)


def test_every_room_has_a_purpose_and_all_but_the_lowest_are_used_or_use_others() -> None:
    rooms = {room.name: room for room in rooms_of_the_harness()}
    assert tuple(rooms) == ROOMS
    assert [name for name, room in rooms.items() if not room.purpose] == []
    used = {name for room in rooms.values() for name in room.imports}
    assert set(rooms) - used == {"cli"}, "a room that nothing imports"


@pytest.mark.parametrize(
    ("path", "room"),
    [
        ("errors.py", "errors"),
        ("trial/runner.py", "trial"),
        ("experiments/run.py", "experiments"),
        ("experiments/__init__.py", "experiments"),
        ("experiments/soak/run.py", "experiments/soak"),
    ],
)
def test_a_file_is_in_the_innermost_room_around_it(path: str, room: str) -> None:
    assert room_of(path, ROOMS) == room


def test_a_file_outside_of_all_rooms_is_named() -> None:
    with pytest.raises(ValueError, match=r"cellar/wine\.py is in no room"):
        room_of("cellar/wine.py", REPORT_ROOMS)


def test_the_architecture_shows_the_picture() -> None:
    assert f"(images/{PICTURE.name})" in (PICTURE.parents[1] / "architecture.md").read_text(encoding="utf-8")
