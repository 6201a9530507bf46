"""The code that a run's processes are started from: workers and engines, each when it is needed."""

import hashlib
from collections.abc import Iterable

from harness.engines.catalogue import ENGINES
from harness.engines.engine import Engine

_ROOT = ENGINES.parent
#: Ringbench's own; engines come to it.
_FOLDERS = (_ROOT / "harness", _ROOT / "workloads", ENGINES / "contract")
#: How the names of files with code, or what code reads when it starts, end.
_SUFFIXES = {".py", ".java", ".toml"}


def code_digest(engines: Iterable[Engine]) -> str:
    """A hash of the code as it is now: Ringbench's own, and that of `engines`."""
    digest = hashlib.sha256()
    own = dict.fromkeys(folder for engine in engines for folder in (engine.directory, engine.program))
    for folder in (*_FOLDERS, *own):
        for path in sorted(each for each in folder.rglob("*") if each.suffix in _SUFFIXES):
            digest.update(f"{path}\0".encode() + path.read_bytes())
    return digest.hexdigest()
