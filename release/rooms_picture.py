"""Draws the rooms of `harness/` into `docs/images/rooms.svg`: ``python -m release.rooms_picture``.

The house stands on the left, the entry point at its top. On the right is a dependency structure matrix (Sangal, Jordan,
Sinha and Jackson: Using Dependency Models to Manage Complex Software Architecture, OOPSLA 2005): a dot in a room's row
for each room that it imports. As the rooms stand in order, all dots are on one side of the diagonal.
"""

import textwrap
from collections.abc import Sequence
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import matplotlib
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.patches import FancyBboxPatch, Rectangle

from release.rooms import FLOORS, ROOT, Room, as_text, rooms_of_the_harness

PICTURE = ROOT / "docs" / "images" / "rooms.svg"
INK, MUTED = "#1b1f24", "#57606a"
#: Of each floor, from the ground up: what its boxes are filled with, and its dots.
COLOURS = (
    ("#e8e4dc", "#6b5d45"),
    ("#d9e8f5", "#0072B2"),
    ("#dcefe6", "#00805f"),
    ("#f7e6cf", "#b36b00"),
    ("#f3dfe9", "#a8477f"),
    ("#e2e2f2", "#4b4ba8"),
)
# Lengths are in points.
ROW, GAP, MARGIN = 28.0, 12.0, 8.0
BAND, NAME, PURPOSE, COLUMN = 32.0, 140.0, 330.0, 14.0
PURPOSE_CHARACTERS = 68
HEAD, FOOT = 62.0, 62.0
BOXES_END = MARGIN + BAND + NAME + PURPOSE
MATRIX = BOXES_END + 10
STYLE: dict[Any, Any] = {
    "font.family": "sans-serif",
    "svg.fonttype": "none",  # words that can be searched
    "svg.hashsalt": "ringbench",  # the same code gives the same file
    "text.color": INK,
    "text.parse_math": False,
}


def stored_text(picture: Path = PICTURE) -> str:
    """What the stored picture says, as `as_text` has it; it is in the picture's description."""
    found = ElementTree.parse(picture).find(".//{http://purl.org/dc/elements/1.1/}description")  # noqa: S314  # ours
    return "" if found is None else found.text or ""


def draw(rooms: Sequence[Room], picture: Path = PICTURE) -> None:
    """Draw `rooms`, which are those of `FLOORS` in their order, into the file `picture`."""
    with matplotlib.rc_context(STYLE):
        width = MATRIX + len(rooms) * COLUMN + MARGIN
        heights = _heights()
        height = max(heights) + ROW / 2 + HEAD
        figure = Figure(figsize=(width / 72, height / 72))
        axes = figure.add_axes((0, 0, 1, 1))
        axes.set(xlim=(0, width), ylim=(0, height))
        axes.axis("off")
        _write_head(axes, height)
        _draw_house(axes, rooms, heights)
        _draw_matrix(axes, rooms, heights)
        metadata: dict[str, Any] = {"Title": "The rooms of harness/", "Description": as_text(rooms), "Date": None}
        figure.savefig(picture, metadata=metadata, facecolor="white")


def _floor_of_each() -> list[int]:
    return [floor for floor, rooms in enumerate(FLOORS.values()) for _ in rooms]


def _heights() -> list[float]:
    """Where the middle of each room is, above the picture's lower edge."""
    return [FOOT + ROW * (place + 0.5) + GAP * floor for place, floor in enumerate(_floor_of_each())]


def _write_head(axes: Axes, height: float) -> None:
    axes.text(MARGIN, height - 20, "The rooms of harness/", size=13, weight="bold", va="center")
    words = (
        "A room imports only rooms that stand before it, which are those below it.\n"
        "A dot says that the room of its row imports the room of its column, whose square is farther down."
    )
    axes.text(MARGIN, height - 42, words, size=9, color=MUTED, va="center")


def _draw_house(axes: Axes, rooms: Sequence[Room], heights: Sequence[float]) -> None:
    """A band for each floor, and in it a box for each room, with name and purpose."""
    floors = _floor_of_each()
    for floor, title in enumerate(FLOORS):
        inside = [height for height, of in zip(heights, floors, strict=True) if of == floor]
        low, high = min(inside) - ROW / 2, max(inside) + ROW / 2
        axes.add_patch(Rectangle((MARGIN, low), BAND - 4, high - low, color=COLOURS[floor][1]))
        words = textwrap.fill(title, 18)
        axes.text(
            MARGIN + BAND / 2 - 2,
            (low + high) / 2,
            words,
            size=8.5,
            color="white",
            weight="bold",
            rotation=90,
            ha="center",
            va="center",
        )
    for room, height, floor in zip(rooms, heights, floors, strict=True):
        corner = (MARGIN + BAND + 2, height - ROW / 2 + 2)
        axes.add_patch(
            FancyBboxPatch(
                corner,
                NAME + PURPOSE - 4,
                ROW - 4,
                boxstyle="round,pad=0,rounding_size=3",
                facecolor=COLOURS[floor][0],
                edgecolor=COLOURS[floor][1],
                linewidth=0.8,
            )
        )
        axes.text(corner[0] + 6, height, room.name, size=9.5, weight="bold", va="center")
        purpose = textwrap.fill(room.purpose, PURPOSE_CHARACTERS)
        axes.text(MARGIN + BAND + NAME + 6, height, purpose, size=8.5, va="center", linespacing=1.15)


def _draw_matrix(axes: Axes, rooms: Sequence[Room], heights: Sequence[float]) -> None:
    """A dot for each import; each room's square stands on the diagonal, and its name hangs below it."""
    floors = _floor_of_each()
    places = {room.name: place for place, room in enumerate(rooms)}
    middles = [MATRIX + COLUMN * (place + 0.5) for place in range(len(rooms))]
    for place, (room, x, y) in enumerate(zip(rooms, middles, heights, strict=True)):
        colour = COLOURS[floors[place]][1]
        axes.plot([BOXES_END, x], [y, y], color="#d8dee4", linewidth=0.7, zorder=1)
        axes.plot([x, x], [y, heights[-1]], color="#d8dee4", linewidth=0.7, zorder=1)
        axes.add_patch(Rectangle((x - 5, y - 5), 10, 10, color=colour, zorder=3))
        axes.text(x, y - 9, room.name, size=8.5, color=colour, rotation=90, ha="center", va="top")
        for imported in room.imports:
            at = places[imported]
            axes.plot(middles[at], y, "o", color=COLOURS[floors[at]][1], markersize=6, zorder=3)


if __name__ == "__main__":
    draw(rooms_of_the_harness())
