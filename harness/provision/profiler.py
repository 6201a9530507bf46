"""async-profiler, whose native parts a JVM artifact brings for every platform."""

import platform
import zipfile
from pathlib import Path

from harness.errors import ProvisionError
from harness.processes.private import private_directory
from harness.provision.cache import Progress, cache_dir, only_one
from harness.provision.jars import ensure_jars, read_lock

PROFILER_LOCK = Path(__file__).parent / "profiler.jars.lock"

_PLATFORMS = {
    ("Linux", "x86_64"): "linux-x64",
    ("Linux", "aarch64"): "linux-arm64",
    ("Darwin", "arm64"): "macos",
    ("Darwin", "x86_64"): "macos",
}


def ensure_profiler(progress: Progress) -> Path:
    """The program ``asprof``, its library where it looks for it.

    Raises:
        ProvisionError: it cannot be downloaded, or there is none for this platform.
    """
    here = platform.system(), platform.machine()
    if here not in _PLATFORMS:
        raise ProvisionError(f"--profile: there is no async-profiler for {' '.join(here)}", fix="leave out --profile")
    (artifact,) = read_lock(PROFILER_LOCK)
    home = cache_dir() / "profiler" / artifact.version
    if not home.exists():
        with only_one(home, progress):
            if not home.exists():
                (jar,) = ensure_jars(PROFILER_LOCK, progress=progress)
                _unpack(jar, _PLATFORMS[here], home)
    return home / "bin" / "asprof"


def _unpack(jar: Path, here: str, home: Path) -> None:
    """Make `home`, which appears whole or not at all."""
    with private_directory("profiler-", where=cache_dir()) as work, zipfile.ZipFile(jar) as archive:
        new = work / "new"
        for name in archive.namelist():
            file = Path(name).name
            if file.startswith("asprof-") and file.endswith(here):
                target = new / "bin" / "asprof"
            elif file.startswith("libasyncProfiler-") and Path(file).stem.endswith(here):
                target = new / "lib" / f"libasyncProfiler{Path(file).suffix}"
            else:
                continue
            target.parent.mkdir(mode=0o700, parents=True)
            target.write_bytes(archive.read(name))
            target.chmod(0o700)
        new.replace(home)
