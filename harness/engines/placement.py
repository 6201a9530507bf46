"""Where the command line says that Spark, Flink and the truth's job are to run: clusters of the user's own."""

import re
import socket
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from ipaddress import ip_address
from typing import Any
from urllib.parse import urlsplit

from harness.engines.clusters import cluster_of
from harness.engines.engine import Engine
from harness.errors import ServiceError, UsageError
from harness.scenarios.scenario import Scenario
from harness.scenarios.truth import MASTER_FORM, TruthSection, is_standalone_master
from harness.services.backing import External

_CONNECT_TIMEOUT_S = 5.0
_ADDRESS = re.compile(r"[^\s:/]+:[0-9]+")
_MASTERS = ("spark://", "k8s://", "yarn", "local")


@dataclass(frozen=True, kw_only=True)
class Placement:
    """The options: a master or an address, None for none, and further settings as ``KEY=VALUE``."""

    spark_master: str | None = None
    spark_conf: Sequence[str] = ()
    flink_jobmanager: str | None = None
    flink_conf: Sequence[str] = field(default_factory=tuple)
    truth_master: str | None = None
    truth_conf: Sequence[str] = ()

    def settings(self) -> dict[str, dict[str, Any]]:
        """The engines' settings that say the same.

        Raises:
            UsageError: an option makes no sense.
        """
        if self.spark_master and not self.spark_master.startswith(_MASTERS):
            raise UsageError(
                f"--spark-master: {self.spark_master!r} is no master",
                fix="give spark://HOST:PORT, k8s://https://HOST:PORT, yarn or local[N]",
            )
        if self.flink_jobmanager and not _ADDRESS.fullmatch(self.flink_jobmanager):
            raise UsageError(
                f"--flink-jobmanager: {self.flink_jobmanager!r} is no HOST:PORT",
                fix="give the address of the job manager's REST interface, such as 127.0.0.1:8081",
            )
        spark = {"master": self.spark_master, "conf": _pairs("--spark-conf", self.spark_conf)}
        flink = {"jobmanager": self.flink_jobmanager, "conf": _pairs("--flink-conf", self.flink_conf)}
        found = {"spark": spark, "flink": flink}
        given = {engine: {key: value for key, value in each.items() if value} for engine, each in found.items()}
        return {engine: each for engine, each in given.items() if each}

    def truth(self, former: TruthSection) -> TruthSection:
        """The scenario's section with what the options say in its place.

        Raises:
            UsageError: an option makes no sense.
        """
        if self.truth_master is not None and not is_standalone_master(self.truth_master):
            raise UsageError(
                f"--truth-master: {self.truth_master!r} is no cluster's master",
                fix=f"give {MASTER_FORM}, or leave it out for a Spark in a process here",
            )
        master = self.truth_master or former.master
        conf = _pairs("--truth-conf", self.truth_conf)
        if conf and not master:
            raise UsageError(
                "--truth-conf: options are for a cluster, and none is named",
                fix="give --truth-master spark://HOST:PORT, too",
            )
        return TruthSection(master=master, conf=former.conf | conf)


def _pairs(option: str, texts: Sequence[str]) -> dict[str, str]:
    found = {}
    for text in texts:
        key, equals, value = text.partition("=")
        if not equals or not key.strip():
            raise UsageError(f"{option}: {text!r} is no KEY=VALUE", fix=f"give such as {option} KEY=VALUE")
        found[key.strip()] = value
    return found


def placed(scenario: Scenario, placement: Placement) -> Scenario:
    """The scenario with the settings of `placement`, before its own: for all contestants that run their engines.

    Raises:
        UsageError: an option makes no sense.
    """
    given = placement.settings()
    settings = scenario.engine_settings | {
        engine: _over(scenario.engine_settings.get(engine, {}), own) for engine, own in given.items()
    }
    contestants = [
        each
        if each.is_plain or each.engine not in given
        else each.model_copy(update={"settings": _over(each.settings, given[each.engine])})
        for each in scenario.engines
    ]
    truth = placement.truth(scenario.truth)
    return scenario.model_copy(update={"engine_settings": settings, "engines": contestants, "truth": truth})


def _over(former: dict[str, Any], own: dict[str, Any]) -> dict[str, Any]:
    return former | own | {"conf": former.get("conf", {}) | own.get("conf", {})}


def check_clusters(engines: Iterable[Engine], scenario: Scenario, external: External) -> None:
    """Make sure that clusters of the user's own go with the scenario, can reach the services, and answer.

    Raises:
        UsageError: there is to be a cluster of Ringbench's own, too; or a cluster elsewhere could not be given cores,
            or reach a service that is started here.
        ServiceError: a cluster does not answer.
    """
    addresses = {}
    for engine in engines:
        settings = scenario.engine_settings.get(engine.name, {})
        if address := cluster_of(engine, settings):
            _check_goes_with(scenario, engine, address)
            _check_way(engine.name, address, scenario, external)
            addresses[engine.name] = address
    for name, address in addresses.items():
        _check_answers(name, address)


def check_truth(truth: TruthSection, external: External) -> None:
    """Make sure that a cluster for the truth, if there is to be one, can reach the archive, and answers.

    Raises:
        UsageError: it is elsewhere, and the archive is to be in a store that is started here, on loopback.
        ServiceError: it does not answer.
    """
    host = _host(truth.master)[0] if truth.master else None
    if host is None:
        return
    if not external.s3 and not _is_loopback(host):
        raise _out_of_reach("the truth", truth.master, "s3", "S3")
    _check_answers("the truth", truth.master)


def _out_of_reach(what: str, address: str, option: str, service: str) -> UsageError:
    return UsageError(
        f"{what} is to run on {address}, from where the {service} that is started here, on 127.0.0.1, "
        "cannot be reached",
        fix=f"give --{option}, with an address that the cluster can reach",
    )


def _check_goes_with(scenario: Scenario, engine: Engine, address: str) -> None:
    if scenario.cluster:
        raise UsageError(
            f"{engine.name} is to run on {address}, and `cluster`, or --cluster, starts one for it",
            fix=f"leave one of them out: --cluster, or `{engine.cluster}` of {engine.name}",
        )
    if scenario.engine_cpus:
        raise UsageError(
            f"--engine-cpus (engine_cpus): {engine.name} is to run on {address}, whose processes are out of reach",
            fix="leave one of them out",
        )


def _check_way(engine: str, address: str, scenario: Scenario, external: External) -> None:
    """Services that are started here are on loopback: a cluster elsewhere cannot reach them."""
    host = _host(address)[0]
    if host is None or _is_loopback(host):
        return
    for name, own in (("kafka", external.kafka), ("redis", external.redis)):
        if not own and (name == "kafka" or scenario.is_direct):
            raise _out_of_reach(engine, address, name, name.title())


def _check_answers(engine: str, address: str) -> None:
    host, port = _host(address)
    if host is None or port is None:
        return
    try:
        socket.create_connection((host, port), _CONNECT_TIMEOUT_S).close()
    except OSError as error:
        raise ServiceError(
            f"the cluster that {engine} is to run on, {address}, does not answer: {error}",
            fix="check the address, and that the cluster runs",
        ) from error


def _host(address: str) -> tuple[str | None, int | None]:
    """Host and port of the first of the masters in `address`, of a job manager too; None where there is none."""
    first = urlsplit(address if "//" in address else f"//{address}")
    if first.scheme == "k8s":
        first = urlsplit(address.removeprefix("k8s://"))
    try:
        return first.hostname, first.port
    except ValueError:  # several masters: spark://A:7077,B:7077
        return _host(address.partition(",")[0])


def _is_loopback(host: str) -> bool:
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"
