"""Which just-in-time compilers the JVM of an engine has: both of HotSpot's, or the quick one alone."""

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


def compilers_in_use(jvm_arguments: list[str]) -> str:
    """Which compilers a JVM has that was started with these arguments."""
    return QUICK if _QUICK_ALONE in jvm_arguments else BOTH
