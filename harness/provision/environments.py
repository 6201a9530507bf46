"""Python environments, each made by uv from a lock with hashes, and kept in the cache.

Standard library only: `bootstrap` makes the harness's own environment with this before anything is installed.
"""

import configparser
import hashlib
import os
import shutil
import subprocess
import sys
import tomllib
from collections import deque
from collections.abc import Mapping
from pathlib import Path

from harness.errors import ProvisionError
from harness.processes.lifeline import guarded
from harness.processes.private import private_directory
from harness.provision.cache import Progress, cache_dir, home_directory, if_nobody_has, only_one

UV_VERSION = "0.13.9"
#: Its wheels, with their hashes.
UV_LOCK = Path(__file__).parent / "uv.lock"

_STAMP = "ringbench-complete"
_OUTPUT_LINES_IN_ERROR = 15
_GRACE_S = 2.0
#: How the lines of uv begin that tell of something that can take long.
_TOLD = ("Resolved", "Downloading", "Downloaded", "Building", "Built", "Prepared", "Installed")


def ensure_environment(
    lock: Path, name: str, *, progress: Progress, python: str | None = None, project: Path | None = None
) -> Path:
    """The Python executable of the environment that `lock` describes, made first if need be.

    Args:
        lock: a requirements file with exact versions and hashes.
        name: a short name for people.
        progress: told of everything that can take longer than two seconds.
        python: the interpreter, in any form that uv takes: a path, ``3.12``, ``>=3.11,<3.13``. By default, this one.
        project: a checkout to install as well, editable; each checkout then gets an environment of its own.

    Raises:
        ProvisionError: the lock cannot be read, or the environment cannot be made.
    """
    home = environment_path(lock, name, python=python, project=project)
    executable = home / "bin" / "python"
    if _is_complete(home):
        return executable
    with only_one(home, progress):
        if not _is_complete(home):
            progress(f"making the Python environment {name!r} (once; this can take minutes)")
            shutil.rmtree(home, ignore_errors=True)
            _make(home, lock, python or sys.executable, project, progress)
            # The stamp comes last, so that an interrupted set-up is seen as such, and begun again.
            (home / _STAMP).touch()
            progress(f"made the Python environment {name!r}")
    return executable


def find_environment(lock: Path, name: str, *, python: str | None = None, project: Path | None = None) -> Path | None:
    """What `ensure_environment` would return, or None if it would have to make the environment first."""
    home = environment_path(lock, name, python=python, project=project)
    return home / "bin" / "python" if _is_complete(home) else None


def environment_path(lock: Path, name: str, *, python: str | None = None, project: Path | None = None) -> Path:
    """Where the environment is, or would be: its name holds a hash of all that it is made from.

    Raises:
        ProvisionError: the lock cannot be read.
    """
    digest = hashlib.sha256()
    try:
        digest.update(lock.read_bytes())
        digest.update((python or sys.version).encode())
        if project is not None:
            digest.update(os.fsencode(project.resolve()))
            digest.update(repr(_built_from(project)).encode())
    except OSError as error:
        raise ProvisionError(f"environment {name!r}: cannot read {error.filename}: {error.strerror}") from error
    return cache_dir() / "envs" / f"{name}-{digest.hexdigest()[:16]}"


def half_made() -> list[Path]:
    """Environments and tools in the cache that are not complete, and that nobody makes: what began to was killed."""
    folders = [cache_dir() / "envs", cache_dir() / "tools"]
    homes = [home for folder in folders if folder.is_dir() for home in sorted(folder.iterdir()) if home.is_dir()]
    return [home for home in homes if not (home / _STAMP).exists() and _nobody_makes(home)]


def remove_half_made(home: Path) -> bool:
    """Delete one of `half_made`, unless somebody has begun to make it again. Returns whether it is gone."""
    with if_nobody_has(home) as is_free:
        if is_free and not (home / _STAMP).exists():
            shutil.rmtree(home, ignore_errors=True)
    return not home.exists()


def _nobody_makes(home: Path) -> bool:
    with if_nobody_has(home) as is_free:
        return is_free


def _built_from(project: Path) -> dict[str, object]:
    """What an editable installation depends on: not the tools' settings in the same file, which change more often."""
    metadata = tomllib.loads((project / "pyproject.toml").read_text(encoding="utf-8"))
    return {key: metadata.get(key) for key in ("build-system", "project")}


def _is_complete(home: Path) -> bool:
    # The second part is False if the interpreter that the environment was made from has been removed since.
    return (home / _STAMP).exists() and (home / "bin" / "python").exists()


def _make(home: Path, lock: Path, python: str, project: Path | None, progress: Progress) -> None:
    uv = find_uv(progress)
    run_uv(uv, ["venv", "--no-project", "--python", python, str(home)], progress)
    install = ["pip", "install", "--python", str(home)]
    # A lock is complete, and may leave out on purpose what a package asks for: nothing is resolved again. Bytecode is
    # made here: where PYTHONDONTWRITEBYTECODE is set, as in many containers, every process would make all of its own.
    locked = ["--no-deps", "--require-hashes", "--compile-bytecode", "-r", str(lock)]
    run_uv(uv, [*install, *locked], progress)
    if project is not None:
        # The lock holds the build backend, so that nothing is fetched beside it.
        run_uv(uv, [*install, "--no-deps", "--no-build-isolation", "--editable", str(project)], progress)


def find_uv(progress: Progress) -> Path:
    """uv's executable: beside this interpreter, else on PATH, else put in the cache by pip.

    Raises:
        ProvisionError: it is neither there nor to be had.
    """
    if found := installed_uv():
        return found
    home = cache_dir() / "tools" / f"uv-{UV_VERSION}"
    executable = home / "bin" / "uv"
    if not (home / _STAMP).exists():
        with only_one(home, progress):
            if not (home / _STAMP).exists():
                progress(f"installing uv {UV_VERSION}")
                shutil.rmtree(home, ignore_errors=True)
                _install_uv(home)
                (home / _STAMP).touch()
    return executable


def installed_uv() -> Path | None:
    """uv's executable beside this interpreter, or else on PATH."""
    beside = Path(sys.executable).parent / "uv"
    if beside.exists():
        return beside
    found = shutil.which("uv")
    # A name on PATH may be a version manager's stub for a program that is not enabled.
    works = found and subprocess.run([found, "--version"], capture_output=True).returncode == 0
    return Path(found) if found and works else None


def _install_uv(home: Path) -> None:
    """Put uv into `home` by this interpreter's pip; without one, by that of a virtual environment."""
    install = ["-m", "pip", "install", "--quiet", "--disable-pip-version-check"]
    install += ["--require-hashes", "--no-deps", "--requirement", str(UV_LOCK)]
    with_pip = _capture([sys.executable, *install, "--target", str(home)])
    if with_pip.returncode == 0:
        return
    with_venv = _capture([sys.executable, "-m", "venv", str(home)])
    if with_venv.returncode == 0:
        with_venv = _capture([str(home / "bin" / "python"), *install])
    if with_venv.returncode != 0:
        reasons = "\n".join(_last_lines(each.stdout + each.stderr) for each in (with_pip, with_venv))
        raise ProvisionError(
            f"cannot install uv {UV_VERSION}, neither with pip nor with venv:\n{reasons}",
            fix="install uv and put it on PATH, or install pip for this Python",
        )


def _capture(argv: list[str]) -> subprocess.CompletedProcess[str]:
    command, descriptors = guarded(argv, grace_s=_GRACE_S)
    return subprocess.run(command, capture_output=True, text=True, pass_fds=descriptors)


def run_uv(uv: Path, arguments: list[str], progress: Progress) -> None:
    """Run `uv` with the user's settings of pip, passing on the lines it prints.

    Raises:
        ProvisionError: it fails; the message ends with its last lines.
    """
    # uv leaves locks of its builds in the temporary directory, and so gets one of its own.
    with private_directory("uv-", where=cache_dir()) as scratch:
        _run_uv(uv, arguments, progress, str(scratch))


def _run_uv(uv: Path, arguments: list[str], progress: Progress, scratch: str) -> None:
    tail: deque[str] = deque(maxlen=_OUTPUT_LINES_IN_ERROR)
    command, descriptors = guarded([str(uv), *arguments], grace_s=_GRACE_S)
    with subprocess.Popen(
        command,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        errors="replace",
        env=uv_environment(os.environ, _pip_settings(os.environ)) | {"TMPDIR": scratch},
        pass_fds=descriptors,
    ) as process:
        assert process.stdout is not None
        try:
            for line in process.stdout:
                tail.append(line.rstrip())
                if line.lstrip().startswith(_TOLD):
                    progress(line.strip())
        except BaseException:
            # Ctrl-C, as a rule. Without this, leaving the context would wait for uv to finish.
            process.terminate()
            raise
    if process.returncode != 0:
        raise ProvisionError(
            f"uv {' '.join(arguments[:2])} failed (exit code {process.returncode}):\n" + "\n".join(tail),
            fix="check the network and the package index (pip's configuration and UV_* variables are honoured)",
        )


def _last_lines(text: str) -> str:
    return "\n".join(text.splitlines()[-_OUTPUT_LINES_IN_ERROR:])


def uv_environment(environment: Mapping[str, str], pip: Mapping[str, str]) -> dict[str, str]:
    """`environment` with uv's variables for pip's settings, where the user has not set them.

    uv reads no configuration of pip's; someone whose pip works expects this to work too.
    """
    finds = [each for each in pip.get("find-links", "").split() if "://" in each or Path(each).is_dir()]
    indexes = {
        "UV_DEFAULT_INDEX": pip.get("index-url", ""),
        "UV_INDEX": " ".join(pip.get("extra-index-url", "").split()),
    }
    # uv has older names for these too; whoever names an index for uv means that one alone.
    if any(key.startswith("UV_") and "INDEX" in key for key in environment):
        indexes = {}
    translated = indexes | {
        "UV_FIND_LINKS": ",".join(finds),
        "UV_INSECURE_HOST": " ".join(pip.get("trusted-host", "").split()),
        "UV_NO_INDEX": pip.get("no-index", ""),
        "UV_HTTP_TIMEOUT": pip.get("timeout", pip.get("default-timeout", "")),
        "SSL_CERT_FILE": pip.get("cert", ""),
    }
    # Of no concern to a child, and uv would complain that it is not the environment it installs into.
    inherited = {key: value for key, value in environment.items() if key != "VIRTUAL_ENV"}
    return {key: value for key, value in translated.items() if value} | inherited


def _pip_settings(environment: Mapping[str, str]) -> dict[str, str]:
    """pip's settings that matter to a download, by option name: from its files, overridden by ``PIP_*`` variables.

    Read here rather than asked of `pip config`, since an environment made by uv has no pip.
    """
    home = home_directory()
    config = environment.get("XDG_CONFIG_HOME") or (home and home / ".config")
    files = [Path("/etc/xdg/pip/pip.conf"), Path("/etc/pip.conf")]
    files += [home / ".pip" / "pip.conf"] if home else []
    files += [Path(config, "pip", "pip.conf")] if config else []
    files += [Path(sys.prefix) / "pip.conf"]
    files += [Path(environment["PIP_CONFIG_FILE"])] if "PIP_CONFIG_FILE" in environment else []
    parser = configparser.ConfigParser(interpolation=None, strict=False)
    for file in files:
        try:
            parser.read(file, encoding="utf-8")
        except (configparser.Error, UnicodeDecodeError) as error:
            raise ProvisionError(f"cannot understand pip's configuration file {file}: {error}") from error
    settings = {
        key: value
        for section in ("global", "install")
        if parser.has_section(section)
        for key, value in parser.items(section)
    }
    variables = {
        key.removeprefix("PIP_").lower().replace("_", "-"): value
        for key, value in environment.items()
        if key.startswith("PIP_") and value
    }
    return settings | variables
