"""Every command of Ringbench, as the command line has it."""

from __future__ import annotations

from collections.abc import Iterator
from functools import cache
from typing import Any

import typer

from harness.cli import app


@cache
def commands() -> dict[str, Any]:
    """Every command by its name, that of the whole command line as `ringbench`; without groups."""
    return dict(_commands(typer.main.get_command(app), ()))


def _commands(command: Any, path: tuple[str, ...]) -> Iterator[tuple[str, Any]]:
    inner = getattr(command, "commands", None) or {}
    if not inner or not path:
        yield " ".join(path) or "ringbench", command
    for name, each in inner.items():
        yield from _commands(each, (*path, name))
