"""An engine that is a Java program gets its heap, its jars, its arguments, and what the harness wants of its JVM."""

from pathlib import Path

import pytest

from engines.contract.job import JobSpecification
from engines.contract.jvm import java_program
from engines.contract.process import JVM_OPTIONS
from tests.builders.jobs import make_job

ARCHIVE, LISTING = "-XX:SharedArchiveFile=/cache/some.jsa", "-XX:DumpLoadedClassList=/run/some.classes"


@pytest.fixture
def job(tmp_path: Path) -> JobSpecification:
    return make_job(
        checkpoint_dir=str(tmp_path / "checkpoints"),
        settings={"heap": "64m"},
        jars=["/jars/a.jar", "/jars/b.jar"],
    )


def test_the_program_is_run_with_its_heap_its_jars_and_its_arguments(job: JobSpecification) -> None:
    command = java_program(job, "some.Main", ["job.json", "x"], options=["--add-modules=java.se"])
    assert "-Xmx64m" in command
    assert command[-5:] == ["-cp", "/jars/a.jar:/jars/b.jar", "some.Main", "job.json", "x"]
    assert "--add-modules=java.se" in command[: command.index("-cp")]


def test_what_is_unpacked_goes_to_a_folder_of_the_jobs(job: JobSpecification) -> None:
    (scratch,) = [
        each.partition("=")[2] for each in java_program(job, "some.Main", []) if each.startswith("-Djava.io.tmpdir=")
    ]
    assert Path(scratch).is_dir() and Path(scratch).is_relative_to(job.checkpoint_dir)


@pytest.mark.parametrize(("is_first", "expected"), [(True, {ARCHIVE, LISTING}), (False, {ARCHIVE})])
def test_of_several_jvms_one_lists_its_classes(
    job: JobSpecification, monkeypatch: pytest.MonkeyPatch, is_first: bool, expected: set[str]
) -> None:
    monkeypatch.setenv(JVM_OPTIONS, f"{ARCHIVE} {LISTING}")
    command = java_program(job, "some.Main", [], is_first=is_first)
    assert {ARCHIVE, LISTING} & set(command) == expected
