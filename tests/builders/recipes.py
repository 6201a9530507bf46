"""The recipes of docs/contestants.md, as the command line is given them."""

import re
import shlex
from pathlib import Path

DOCUMENT = Path(__file__).parents[2] / "docs" / "contestants.md"


def recipes() -> list[list[str]]:
    """The arguments of each recipe's command, without ``ringbench``, in the order of the page."""
    (section,) = re.findall(r"^## Recipes\n(.*)\Z", DOCUMENT.read_text(encoding="utf-8"), re.MULTILINE | re.DOTALL)
    return [shlex.split(each)[1:] for each in re.findall(r"^ringbench .*$", section, re.MULTILINE)]
