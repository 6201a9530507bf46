"""Making an engine ready to be started: its environment, its jars, its classes."""

from dataclasses import dataclass
from pathlib import Path

from harness.engines.catalogue import CONTRACT_JAVA, ENGINES, Engine, Progress
from harness.provision.class_archive import ClassArchive, class_archive
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
        ProvisionError: they could not be obtained.
    """
    # Named after the lock's folder, so that engines that share a lock share an environment.
    lock = (engine.directory / engine.requirements).resolve()
    python = ensure_environment(lock, lock.parent.name, python=engine.python or None, progress=progress)
    jars = ensure_jars(engine.directory / engine.jars, progress=progress) if engine.jars else []
    if engine.java_sources:
        jars.insert(0, _classes(engine, python, jars, progress))
    archive = _class_archive(engine, python, jars, progress) if engine.java else None
    return PreparedEngine(engine, python, jars, archive)


def _classes(engine: Engine, python: Path, jars: list[Path], progress: Progress) -> Path:
    """The jar of the engine's own Java, and the contract's."""
    home = python.parent.parent
    brought = sorted(home.glob(f"lib/python*/site-packages/{engine.java_classpath}")) if engine.java_classpath else []
    folders = [engine.directory / engine.java_sources, CONTRACT_JAVA]
    return ensure_classes(folders, [*jars, *brought], engine.name, progress=progress)


def _class_archive(engine: Engine, python: Path, jars: list[Path], progress: Progress) -> ClassArchive:
    """The archive of the engine's classes, made if a run has listed them."""
    # The program puts the class path together.
    sources = [source.read_bytes() for source in sorted(engine.directory.glob("*.py"))]
    return class_archive(engine.name, ensure_java(progress), [python, *jars], sources, progress=progress)


def contract_path(directory: Path) -> Path:
    """A folder, made in `directory`, from which ``engines.contract`` can be imported, and nothing else of Ringbench."""
    path = directory / "contract"
    (path / "engines").mkdir(parents=True)
    (path / "engines" / "contract").symlink_to(ENGINES / "contract")
    return path


ENGINE_STOP_S = 20.0
