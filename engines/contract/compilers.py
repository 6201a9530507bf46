"""Which just-in-time compilers the JVM of an engine has: both of HotSpot's, or the quick one alone."""

import os

AUTO, BOTH, QUICK = "auto", "both", "quick"
#: The thorough compiler wants a core for half a minute (Flink) or for minutes (Spark, whose planner runs anew in each
#: micro-batch). With fewer cores than this, it has half of one beside everything else, and methods wait for it.
FEWEST_CORES_FOR_BOTH = 4
_QUICK_ALONE = "-XX:TieredStopAtLevel=1"
#: Java gives both compilers this much room for their code, and the quick one alone a fifth. That is full after two
#: minutes of Spark; Java then throws out code by the thousand methods, and compiles them anew.
_ROOM_FOR_CODE = "-XX:ReservedCodeCacheSize=240m"


def compiler_options(setting: str, cores: int | None = None) -> list[str]:
    """The JVM's options for the `setting` on so many cores (this process's by default); none for Java's own choice.

    Raises:
        ValueError: the setting is none of the three.
    """
    if setting not in (AUTO, BOTH, QUICK):
        raise ValueError(f"compilers is {setting!r}; expected {AUTO}, {BOTH} or {QUICK}")
    if setting == AUTO:
        setting = QUICK if (cores or _own_cores()) < FEWEST_CORES_FOR_BOTH else BOTH
    return [_QUICK_ALONE, _ROOM_FOR_CODE] if setting == QUICK else []


def compilers_in_use(jvm_arguments: list[str]) -> str:
    """Which compilers a JVM has that was started with these arguments."""
    return QUICK if _QUICK_ALONE in jvm_arguments else BOTH


def _own_cores() -> int:
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
