"""Pauses are read from what a JVM logs: counted, summed, and only those of the time asked for."""

import subprocess
from pathlib import Path

import pytest

from harness.measurement.jvm_pauses import logging_option, read_pauses
from harness.provision.java import ensure_java
from tests.deadlines import DEADLINE_S

LOG = """\
[1700000000000ms] Using G1
[1700000001000ms] GC(0) Pause Young (Normal) (G1 Evacuation Pause) 24M->4M(256M) 3.500ms
[1700000001500ms] GC(1) Concurrent Mark Cycle 12.000ms
[1700000002000ms] GC(1) Pause Remark 30M->28M(256M) 1.250ms
[1700000002001ms] GC(1) Pause Cleanup 28M->28M(256M) 0.050ms
[1700000009000ms] GC(2) Pause Full (Ergonomics) 200M->100M(256M) 900.000ms
not a line of the log
"""


def test_pauses_are_counted_and_concurrent_work_is_not(tmp_path: Path) -> None:
    (tmp_path / "gc-engine-17.log").write_text(LOG)
    found = read_pauses(tmp_path, "engine", 1_700_000_000_000, 1_700_000_010_000)
    assert found is not None
    assert (found.process, found.count, found.max_ms) == ("engine", 4, 900)
    assert found.total_ms == pytest.approx(904.8)


def test_only_pauses_that_began_in_the_time_asked_for_count(tmp_path: Path) -> None:
    (tmp_path / "gc-engine-17.log").write_text(LOG)
    (tmp_path / "gc-engine-18.log").write_text(LOG)
    found = read_pauses(tmp_path, "engine", 1_700_000_001_000, 1_700_000_008_500)
    assert found is not None
    assert found.count == 6, "two JVMs; the first pause began before, and the last, logged after, began within"


def test_a_jvm_without_pauses_is_not_a_jvm_without_a_log(tmp_path: Path) -> None:
    assert read_pauses(tmp_path, "engine", 0, 1e15) is None
    assert read_pauses(None, "engine", 0, 1e15) is None
    (tmp_path / "gc-kafka-17.log").write_text("[1700000000000ms] Using Serial\n")
    assert read_pauses(tmp_path, "engine", 0, 1e15) is None
    found = read_pauses(tmp_path, "kafka", 0, 1e15)
    assert found is not None and (found.count, found.total_ms, found.max_ms) == (0, 0, 0)


def test_a_real_jvm_takes_the_option_and_logs_what_can_be_read(tmp_path: Path) -> None:
    java = ensure_java(print)
    directory = tmp_path / "a folder"
    directory.mkdir()
    source = tmp_path / "Waste.java"
    source.write_text("public class Waste { public static void main(String[] a) { System.gc(); System.gc(); } }")
    option = logging_option(directory, "engine")
    ran = subprocess.run([str(java.executable), option, "-version"], capture_output=True, text=True, timeout=DEADLINE_S)
    assert ran.returncode == 0, ran.stderr
    assert read_pauses(directory, "engine", 0, 1e15) is not None
