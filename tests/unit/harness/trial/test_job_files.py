"""What processes of a trial are told of how to get into services."""

from dataclasses import replace
from pathlib import Path

import pytest

from harness.faults.catalogue import REDIS_PROXY
from harness.trial.job_files import proxy_jobs, writer_job
from tests.builders.trials import World


@pytest.mark.parametrize("login", ["", ":hush-1@", "me:hu%2Fsh@"])
def test_a_writer_behind_a_proxy_logs_in_as_it_would_without(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, login: str
) -> None:
    world = World(tmp_path, monkeypatch)
    setting = world.setting(proxied=True)
    setting = replace(setting, backing=replace(setting.backing, redis_url=f"redis://{login}127.0.0.1:7/0"))
    assert writer_job(setting, {REDIS_PROXY: 9}).redis_url == f"redis://{login}127.0.0.1:9/0"
    assert writer_job(setting, {}).redis_url == setting.backing.redis_url
    assert proxy_jobs(setting)[REDIS_PROXY].target_port == 7
