"""Java sources are compiled by a real compiler, once, and refused with its words; loaded classes are archived."""

import os
import subprocess
import zipfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import psutil
import pytest

from harness.errors import ProvisionError
from harness.provision.class_archive import ClassArchive
from harness.provision.classes import ensure_classes
from harness.provision.java import ensure_java
from tests.deadlines import DEADLINE_S

pytestmark = pytest.mark.integration

HELLO = "package said; public class Hello { public static void main(String[] a) { System.out.print(Word.WORD); } }\n"
WAITS = (
    "package said; public class Waits { public static void main(String[] a) throws java.io.IOException {"
    " System.out.println(Word.WORD); System.in.read(); } }\n"
)
WORD = 'package said; class Word { static final String WORD = "%s"; }\n'


@pytest.fixture
def sources(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> list[Path]:
    """Two folders of sources that need each other, and a file that is none; the cache is new."""
    monkeypatch.setenv("RINGBENCH_CACHE_DIR", str(tmp_path / "cache"))
    folders = [tmp_path / "own", tmp_path / "shared"]
    for folder, name, text in zip(folders, ("Hello", "Word"), (HELLO, WORD % "hello"), strict=True):
        (folder / "said").mkdir(parents=True)
        (folder / "said" / f"{name}.java").write_text(text, encoding="utf-8")
    (folders[0] / "META-INF").mkdir()
    (folders[0] / "META-INF" / "note").write_text("a note", encoding="utf-8")
    return folders


def _run(jar: Path) -> str:
    java = str(ensure_java(print).executable)
    return subprocess.run([java, "-cp", str(jar), "said.Hello"], capture_output=True, text=True, check=True).stdout


def test_sources_of_several_folders_become_one_jar_with_their_other_files(sources: list[Path]) -> None:
    told: list[str] = []
    jar = ensure_classes(sources, [], "test", progress=told.append)
    assert _run(jar) == "hello"
    with zipfile.ZipFile(jar) as archive:
        assert sorted(archive.namelist()) == ["META-INF/note", "said/Hello.class", "said/Word.class"]
    assert any("compiling" in each for each in told)


def test_only_what_has_changed_is_compiled_again(sources: list[Path]) -> None:
    first = ensure_classes(sources, [], "test", progress=print)
    made = first.stat().st_mtime_ns
    assert ensure_classes(sources, [], "test", progress=print) == first
    assert first.stat().st_mtime_ns == made
    (sources[1] / "said" / "Word.java").write_text(WORD % "other", encoding="utf-8")
    assert _run(ensure_classes(sources, [], "test", progress=print)) == "other"


def test_a_wrong_source_is_an_error_in_the_compilers_words_and_leaves_no_jar(sources: list[Path]) -> None:
    (sources[1] / "said" / "Word.java").write_text("package said; class Word { int x = y; }\n", encoding="utf-8")
    with pytest.raises(ProvisionError, match=r"(?s)Word\.java.*y cannot be resolved"):
        ensure_classes(sources, [], "test", progress=print)
    assert not list(Path(os.environ["RINGBENCH_CACHE_DIR"]).glob("classes/*.jar"))


@contextmanager
def _waiting(jar: Path, options: list[str]) -> Iterator[tuple[psutil.Process, list[str]]]:
    """A program that runs until its input ends, and what it has written until it wrote its word."""
    command = [str(ensure_java(print).executable), *options, "-Xlog:class+load", "-cp", str(jar), "said.Waits"]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as program:
        assert program.stdout is not None
        try:
            yield psutil.Process(program.pid), list(iter(program.stdout.readline, "hello\n"))
        finally:
            program.communicate(timeout=DEADLINE_S)


def test_a_program_starts_from_the_archive_of_the_classes_that_its_first_run_listed(
    sources: list[Path], tmp_path: Path
) -> None:
    (sources[0] / "said" / "Waits.java").write_text(WAITS, encoding="utf-8")
    jar = ensure_classes(sources, [], "test", progress=print)
    archive = ClassArchive(tmp_path / "cache" / "classes" / "waits", ensure_java(print).executable)
    archive.ensure(print)
    assert not archive.path.exists()
    with _waiting(jar, archive.options(tmp_path)) as (program, loaded):
        assert not any("said.Waits" in line and "shared" in line for line in loaded)
        archive.learn([psutil.Process(), program])
    assert archive.options(tmp_path) == []
    archive.ensure(print)
    with _waiting(jar, archive.options(tmp_path)) as (_, loaded):
        assert any("said.Waits" in line and "shared objects file" in line for line in loaded)


def test_an_archive_that_does_not_fit_is_done_without(sources: list[Path], tmp_path: Path) -> None:
    (sources[0] / "said" / "Waits.java").write_text(WAITS, encoding="utf-8")
    archive = ClassArchive(tmp_path / "waits", ensure_java(print).executable)
    with _waiting(ensure_classes(sources, [], "test", progress=print), archive.options(tmp_path)) as (program, _):
        archive.learn([program])
    archive.ensure(print)
    archive.path.chmod(0o600)
    archive.path.write_bytes(archive.path.read_bytes()[:5000])
    with _waiting(ensure_classes(sources, [], "test", progress=print), archive.options(tmp_path)) as (_, loaded):
        assert any("said.Waits" in line for line in loaded)
