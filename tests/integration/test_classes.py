"""Java sources are compiled by a real compiler, once, and refused with its words."""

import os
import subprocess
import zipfile
from pathlib import Path

import pytest

from harness.errors import ProvisionError
from harness.provision.classes import ensure_classes
from harness.provision.java import ensure_java

pytestmark = pytest.mark.integration

HELLO = "package said; public class Hello { public static void main(String[] a) { System.out.print(Word.WORD); } }\n"
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
