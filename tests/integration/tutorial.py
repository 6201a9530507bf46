"""The commands of docs/tutorial.md, as a shell is given them."""

import json
import re
from pathlib import Path
from typing import Any

import yaml

from tests.integration.ringbench import SMALL

_DOCUMENT = Path(__file__).parents[2] / "docs" / "tutorial.md"
_BLOCK = re.compile(r"<!-- tutorial -->\n```sh\n(.*?)```\n", re.DOTALL)
#: What the scenario gets besides, in front of the line that ends it: it is to be generous to a busy machine.
_BESIDES = yaml.safe_dump({key: SMALL[key] for key in ("limits", "rehearsal_s")})
_STEPS = 5
#: The step that compares two engines.
COMPARISON = 4


def tutorial(*, without: int | None = None) -> str:
    """The script of all steps but `without`."""
    steps = _BLOCK.findall(_DOCUMENT.read_text(encoding="utf-8"))
    assert len(steps) == _STEPS
    script = "".join(step for number, step in enumerate(steps, 1) if number != without)
    assert script.count("\nEND\n") == 1
    return script.replace("\nEND\n", f"\n{_BESIDES}END\n")


def results_in(directory: Path) -> list[dict[str, Any]]:
    """The results of its runs in `directory`, the oldest first."""
    return [json.loads(path.read_text(encoding="utf-8")) for path in sorted(directory.glob("runs/*/result.json"))]
