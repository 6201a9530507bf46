"""The job specification survives its file, and what is wrong with one is named."""

import json
from pathlib import Path

import pytest

from engines.contract.job import DIRECT, JobSpecification, RedisTarget
from tests.builders.jobs import make_job

JOB = make_job(
    route=DIRECT,
    redis=RedisTarget(url="redis://:secret@127.0.0.1:2/0", namespace="cdr", expire_s=60),
    output_topic="",
)


def test_a_job_is_read_as_it_was_written_by_its_user_alone(tmp_path: Path) -> None:
    path = tmp_path / "job.json"
    JOB.save(path)
    assert JobSpecification.load(path) == JOB
    assert path.stat().st_mode & 0o077 == 0


@pytest.mark.parametrize(
    ("changes", "words"),
    [({"rediss": 1}, "unknown keys rediss"), ({"redis": {"uri": "x"}}, "uri"), ({"schema_version": 9}, "9, not 1")],
)
def test_what_is_wrong_with_a_job_is_named(tmp_path: Path, changes: dict[str, object], words: str) -> None:
    path = tmp_path / "job.json"
    JOB.save(path)
    path.write_text(json.dumps(json.loads(path.read_text(encoding="utf-8")) | changes), encoding="utf-8")
    with pytest.raises(ValueError, match=words):
        JobSpecification.load(path)
