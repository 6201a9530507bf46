"""Which just-in-time compilers the JVM of an engine has: both of HotSpot's, or the quick one alone."""

from typing import Any

BOTH, QUICK = "both", "quick"
_QUICK_ALONE = "-XX:TieredStopAtLevel=1"
#: Java gives both compilers this much room for their code, and the quick one alone a fifth, in which it compiles code
#: anew that was thrown out.
_ROOM_FOR_CODE = "-XX:ReservedCodeCacheSize=240m"


def compiler_options(setting: str) -> list[str]:
    """The JVM's options for the `setting`; none for Java's own choice, which is both.

    Raises:
        ValueError: the setting is neither.
    """
    if setting not in (BOTH, QUICK):
        raise ValueError(f"compilers is {setting!r}; expected {BOTH} or {QUICK}")
    return [_QUICK_ALONE, _ROOM_FOR_CODE] if setting == QUICK else []


def jvm_in_use(jvm: Any) -> dict[str, str]:
    """What an engine reports of its JVM, in Py4J's view: its version, and which compilers it was started with."""
    java = jvm.java.lang
    arguments = list(java.management.ManagementFactory.getRuntimeMXBean().getInputArguments())
    return {
        "java.version": java.System.getProperty("java.version"),
        "compilers": QUICK if _QUICK_ALONE in arguments else BOTH,
    }
