"""Making an engine ready to be started: its environment, its jars, its classes."""

from dataclasses import dataclass
from pathlib import Path

from harness.engines.catalogue import CONTRACT_JAVA, ENGINES
from harness.engines.engine import Engine
from harness.engines.version_locks import ensure_locks
from harness.engines.versions import environment_name, is_tested, jars_lock, requirements_lock, versions_told
from harness.errors import ProvisionError
from harness.provision.cache import Progress
from harness.provision.class_archive import ClassArchive, class_archive
from harness.provision.class_files import check_java
from harness.provision.classes import ensure_classes
from harness.provision.environments import ensure_environment
from harness.provision.jars import ensure_jars
from harness.provision.java import ensure_java


@dataclass(frozen=True)
class PreparedEngine:
    """An engine whose environment is in place: its Python executable, its jars, its own classes first, and, if it has a
    JVM, the archive of that one's classes."""

    engine: Engine
    python: Path
    jars: list[Path]
    class_archive: ClassArchive | None = None

    def command(self, job: Path) -> list[str]:
        """The command line that starts it with the job specification in the file `job`."""
        return [str(self.python), str(self.engine.directory / self.engine.entry), str(job)]


def prepare(engine: Engine, progress: Progress) -> PreparedEngine:
    """Make sure that `engine`'s environment and JVM artifacts are in the cache.

    Raises:
        ConfigurationError: the engine does not exist in the version that was asked for.
        ProvisionError: they could not be obtained, or a version that was not tested does not go with this Python, this
            Java or the engine's own code.
    """
    try:
        return _prepare(engine, progress)
    except ProvisionError as error:
        if is_tested(engine):
            raise
        why = f"{engine.name} {engine.version}, which is not among the tested versions, does not run here"
        raise ProvisionError(f"{why}: {error.message}", fix=versions_told(engine)) from error


def _prepare(engine: Engine, progress: Progress) -> PreparedEngine:
    """Each follows from those before it: locks, environment, jars, classes of its own, and the archive of all."""
    ensure_locks(engine, progress)
    lock, jvm = requirements_lock(engine), jars_lock(engine)
    python = ensure_environment(lock, environment_name(lock), python=engine.python or None, progress=progress)
    jars = ensure_jars(jvm, progress=progress) if jvm else []
    packages = f"lib/python*/site-packages/{engine.java_classpath}"
    brought = sorted(python.parent.parent.glob(packages)) if engine.java_classpath else []
    if engine.java and not is_tested(engine):
        check_java([*brought, *jars], ensure_java(progress))
    if engine.java_sources:
        folders = [engine.directory / engine.java_sources, CONTRACT_JAVA]
        jars.insert(0, ensure_classes(folders, [*jars, *brought], engine.name, progress=progress))
    if not engine.java:
        return PreparedEngine(engine, python, jars)
    # The program puts the class path together, so that the archive hangs on what it says.
    program = [source.read_bytes() for source in sorted(engine.program.glob("*.py"))]
    archive = class_archive(engine.name, ensure_java(progress), [python, *jars], program, progress=progress)
    return PreparedEngine(engine, python, jars, archive)


def contract_path(directory: Path) -> Path:
    """A folder, made in `directory`, from which ``engines.contract`` can be imported, and nothing else of Ringbench."""
    path = directory / "contract"
    (path / "engines").mkdir(parents=True)
    (path / "engines" / "contract").symlink_to(ENGINES / "contract")
    return path


ENGINE_STOP_S = 20.0
