"""Kafka's own load tool, `kafka-producer-perf-test`: what the generator is measured against."""

import os
import re
from collections.abc import Mapping
from pathlib import Path

from harness.errors import ServiceError
from harness.processes.process import start_process, wait_until
from harness.provision.cache import Progress
from harness.provision.jars import ensure_jars
from harness.provision.java import ensure_java
from harness.services.kafka import JARS_LOCK

TOOLS_LOCK = Path(__file__).parent / "kafka-tools.jars.lock"

_MAIN = "org.apache.kafka.tools.ProducerPerformance"
_SUMMARY = re.compile(r"^(\d+) records sent, ([\d.]+) records/sec ", re.MULTILINE)
_DEADLINE_S = 600.0


def provide_tools(progress: Progress) -> list[str]:
    """Make sure that the tool is there. Returns the beginning of its command line.

    Raises:
        ProvisionError: it cannot be had.
    """
    java = ensure_java(progress)
    jars = ensure_jars(TOOLS_LOCK, progress=progress) + ensure_jars(JARS_LOCK, progress=progress)
    return [str(java.executable), "-Xmx512m", "-cp", os.pathsep.join(map(str, jars)), _MAIN]


def produce_flat_out(
    command: list[str], log: Path, topic: str, records: int, lines: Path, properties: Mapping[str, object]
) -> float:
    """Have the tool send as many records as fast as it can. Returns the acknowledged records a second that it tells.

    Args:
        command: see `provide_tools`.
        log: a new file for its output.
        topic: where to.
        records: how many.
        lines: a file of lines, of which it picks at random.
        properties: the producer's settings, in Kafka's names.

    Raises:
        ServiceError: it fails, or says something else than expected.
    """
    settings = [
        f"{name}={str(value).lower() if isinstance(value, bool) else value}" for name, value in properties.items()
    ]
    argv = [*command, "--topic", topic, "--num-records", str(records), "--throughput", "-1"]
    argv += ["--payload-file", str(lines), "--producer-props", *settings]
    with start_process("Kafka's load tool", argv, log_path=log) as process:
        wait_until(lambda: process.poll() is not None, deadline_s=_DEADLINE_S, what="Kafka's load tool has ended")
        code = process.poll()
    found = _SUMMARY.findall(log.read_text(encoding="utf-8", errors="replace"))
    if code != 0 or not found or int(found[-1][0]) != records:
        raise ServiceError(f"Kafka's load tool ended with exit code {code}, and not as expected:\n{process.log_tail()}")
    return float(found[-1][1])
