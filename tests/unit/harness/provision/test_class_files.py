"""A version of an engine that needs a later Java is refused before it is started."""

import zipfile
from pathlib import Path

import pytest

from harness.errors import ProvisionError
from harness.provision.class_files import check_java
from harness.provision.java import Java

JAVA = Java(Path("/java"), "17.0.9", "PATH")


def jar(folder: Path, name: str, **majors: int) -> Path:
    """A jar with a class of each of these major versions, in this order."""
    with zipfile.ZipFile(folder / name, "w") as file:
        for path, major in majors.items():
            file.writestr(f"{path.replace('_', '/')}.class", b"\xca\xfe\xba\xbe\0\0" + major.to_bytes(2) + b"rest")
    return folder / name


def test_classes_for_this_java_and_older_ones_pass_and_those_for_later_ones_that_it_skips(tmp_path: Path) -> None:
    old = jar(tmp_path, "old.jar", a_B=52)
    own = jar(tmp_path, "own.jar", **{"META-INF/versions/21/a/B": 65, "module-info": 65, "a_B": 61})
    check_java([old, own, jar(tmp_path, "empty.jar")], JAVA)
    check_java([], JAVA)


def test_a_jar_for_a_later_java_is_named_with_what_it_needs(tmp_path: Path) -> None:
    jars = [jar(tmp_path, "old.jar", a_B=52), jar(tmp_path, "new.jar", a_B=69)]
    with pytest.raises(ProvisionError, match=r"new\.jar needs Java 25 or later, and this is Java 17\.0\.9, from PATH"):
        check_java(jars, JAVA)
