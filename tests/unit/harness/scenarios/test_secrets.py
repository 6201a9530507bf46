"""No secret gets into a result, or an argument, by the settings of an engine."""

import re
from typing import Any

import pytest

from harness.errors import UsageError
from harness.scenarios.scenario import Scenario
from harness.scenarios.secrets import check_secrets


def check(settings: dict[str, Any]) -> None:
    check_secrets(Scenario.model_validate({"name": "of a test", "engines": ["baseline"], "engine_settings": settings}))


@pytest.mark.parametrize(
    ("settings", "name"),
    [
        ({"conf": {"spark.hadoop.fs.s3a.secret.key": "hush-1"}}, "spark.hadoop.fs.s3a.secret.key"),
        ({"conf": {"spark.executorEnv.AWS_SECRET_ACCESS_KEY": "hush-1"}}, "spark.executorEnv.AWS_SECRET_ACCESS_KEY"),
        ({"conf": {"fs.azure.account.key.a.dfs.core.windows.net": "hush-1"}}, "fs.azure.account.key"),
        ({"conf": {"spark.executor.extraJavaOptions": "-Xss1m -Dx.password=hush-1"}}, "-Dx.password"),
        ({"jvm_options": "-Djavax.net.ssl.trustStorePassword=hush-1"}, "trustStorePassword"),
        ({"checkpoint_dir": "hdfs://me:hush-1@host/x"}, "a password in a URL"),
        ({"conf": {"x": ["--conf", "spark.app.token=hush-1"]}}, "spark.app.token"),
    ],
)
def test_secrets_do_not_get_into_results(settings: dict[str, Any], name: str) -> None:
    with pytest.raises(UsageError, match=rf"{re.escape(name)}.* looks like a secret") as caught:
        check({"spark": settings})
    assert "hush-1" not in caught.value.message + str(caught.value.fix)


def test_options_that_are_called_almost_like_secrets_are_none() -> None:
    conf = {
        "spark.authenticate.secretBitLength": 256,
        "spark.kubernetes.driver.secrets.keys": "/etc/keys",
        "security.kerberos.fetch.delegation-token": False,
        "spark.hadoop.hadoop.security.credential.provider.path": "jceks://file/x",
    }
    check({"spark": {"conf": conf}})


def test_options_of_the_truths_job_are_looked_at_too() -> None:
    truth = {"master": "spark://h:7077", "conf": {"spark.executorEnv.AWS_SECRET_ACCESS_KEY": "hush-1"}}
    with pytest.raises(
        UsageError, match=r"truth: the option spark\.executorEnv\.AWS_SECRET_ACCESS_KEY looks"
    ) as caught:
        check_secrets(Scenario.model_validate({"name": "of a test", "truth": truth}))
    assert "hush-1" not in caught.value.message + str(caught.value.fix)


def test_those_of_an_engine_that_is_not_run_are_looked_at_too() -> None:
    with pytest.raises(UsageError, match=r"flink: the option s3\.secret\.key looks like a secret"):
        check({"baseline": {}, "flink": {"conf": {"s3.secret.key": "x"}}})
