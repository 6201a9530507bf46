"""Pauses of JVMs for collecting garbage, from the log that each writes by itself."""

import re
from pathlib import Path

from harness.results.performance import Pauses

#: A pause's line: the moment in milliseconds since the Unix epoch, the kind, and its length at the end.
_PAUSE = re.compile(r"^\[(\d+)ms\].* Pause .* (\d+(?:\.\d+)?)ms$", re.MULTILINE)


def logging_option(directory: Path, process: str) -> str:
    """The option that makes a JVM log its pauses in `directory`; %p keeps the JVMs of one process group apart."""
    return f"-Xlog:gc:file={directory / f'gc-{process}-%p.log'}:timemillis:filecount=0"


def read_pauses(directory: Path | None, process: str, start_ms: float, end_ms: float) -> Pauses | None:
    """The pauses that began in a stretch of time, in milliseconds since the Unix epoch; None if no JVM left a log."""
    logs = sorted(directory.glob(f"gc-{process}-*.log")) if directory else []
    if not logs:
        return None
    found = [each for log in logs for each in _PAUSE.findall(log.read_text(encoding="utf-8", errors="replace"))]
    lengths_ms = [float(length) for at, length in found if start_ms <= int(at) - float(length) < end_ms]
    return Pauses(process=process, count=len(lengths_ms), total_ms=sum(lengths_ms), max_ms=max(lengths_ms, default=0.0))
