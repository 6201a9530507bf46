"""The jars that Flink's JVM starts with."""

import os
import shutil
import sys
import tempfile
from pathlib import Path
from zipfile import ZipFile

import pyflink

_LOADER = "flink-table-planner-loader-*.jar"
_PLANNER = "flink-table-planner.jar"


def library_folder() -> Path:
    """A folder with PyFlink's jars, and the planner in place of the planner's loader.

    The loader unpacks the planner at each start, and loads it by a class loader of its own, which is closed to archives
    of classes. The folder is made once, in the environment of this program; if it cannot be, PyFlink's own one serves.
    """
    own, folder = Path(pyflink.__file__).parent / "lib", Path(sys.prefix) / "flink-lib"
    try:
        if not folder.exists():
            _make(folder, own)
    except OSError as error:
        print(f"Flink starts with its planner's loader, which takes longer: {error}")
        return own
    return folder


def _make(folder: Path, own: Path) -> None:
    part = Path(tempfile.mkdtemp(dir=folder.parent, prefix=f".{folder.name}."))
    try:
        (loader,) = own.glob(_LOADER)
        with ZipFile(loader) as archive:
            archive.extract(_PLANNER, part)
        for jar in own.glob("*.jar"):
            if jar != loader:
                (part / jar.name).symlink_to(os.path.relpath(jar, folder))
        part.rename(folder)
    except OSError:
        if not folder.exists():  # another one may have been faster
            raise
    finally:
        shutil.rmtree(part, ignore_errors=True)
