"""The command line of an engine that is a Java program of its own."""

import os
from collections.abc import Sequence
from pathlib import Path

from engines.contract.job import JobSpecification
from engines.contract.process import JVM_OPTIONS

_LOGGER = "-Dorg.slf4j.simpleLogger"
#: Of a JVM that writes down what classes it loads; of several in one engine, one does, as all would write one file.
_LISTS_CLASSES = "-XX:DumpLoadedClassList="


def java_program(
    job: JobSpecification, main: str, arguments: Sequence[str], *, options: Sequence[str] = (), is_first: bool = True
) -> list[str]:
    """The command line of the class `main` in the job's jars, with a heap of the setting ``heap``.

    Args:
        job: its folder for checkpoints gets a folder for temporary files.
        main: the class.
        arguments: what the program is given.
        options: of the JVM, besides those that all have.
        is_first: whether it is the engine's first JVM, or its only one.
    """
    scratch = Path(job.checkpoint_dir).resolve() / "scratch"
    scratch.mkdir(parents=True, exist_ok=True)
    given = os.environ.get(JVM_OPTIONS, "").split()
    return [
        str(Path(os.environ["JAVA_HOME"]) / "bin" / "java") if "JAVA_HOME" in os.environ else "java",
        f"-Xmx{job.settings['heap']}",
        *(each for each in given if is_first or not each.startswith(_LISTS_CLASSES)),
        *options,
        # Native parts, such as those of RocksDB and of compression, are unpacked there.
        f"-Djava.io.tmpdir={scratch}",
        f"{_LOGGER}.defaultLogLevel=warn",
        f"{_LOGGER}.showDateTime=true",
        f"{_LOGGER}.dateTimeFormat=yyyy-MM-dd HH:mm:ss,SSS",
        *("-cp", os.pathsep.join(job.jars)),
        *(main, *arguments),
    ]
