"""What Java the classes in jars need, as their files say it."""

import zipfile
from collections.abc import Iterable
from pathlib import Path

from harness.errors import ProvisionError
from harness.provision.java import Java

#: Where a jar has classes for later versions of Java, which older ones pass over.
_LATER = "META-INF/"
#: Bytes 6 and 7 of a class file are its major version; Java 17 reads up to 61, and each later one one more.
_HEADER_BYTES = 8
_MAJOR_OF_JAVA_0 = 44


def check_java(jars: Iterable[Path], java: Java) -> None:
    """Make sure that `java` can read the classes in `jars`, of each the first one.

    Raises:
        ProvisionError: one of them is made for a later Java.
    """
    found = int(java.version.partition(".")[0])
    if not (needed := {jar: _java_of(jar) for jar in jars}):
        return
    jar = max(needed, key=needed.__getitem__)
    if needed[jar] > found:
        raise ProvisionError(
            f"{jar.name} needs Java {needed[jar]} or later, and this is Java {java.version}, from {java.source}",
            fix="let RINGBENCH_JAVA_HOME name another one",
        )


def _java_of(jar: Path) -> int:
    """The Java that the first class in `jar` needs; 0 if there is none."""
    with zipfile.ZipFile(jar) as file:
        names = (name for name in file.namelist() if name.endswith(".class") and not name.startswith(_LATER))
        if (name := next((each for each in names if not each.endswith("module-info.class")), None)) is None:
            return 0
        with file.open(name) as opened:
            return int.from_bytes(opened.read(_HEADER_BYTES)[6:]) - _MAJOR_OF_JAVA_0
