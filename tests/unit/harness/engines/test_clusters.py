"""Where engines run other than in processes of their own, and which faults go with that."""

import socket
from typing import Any

import pytest

from harness.engines.catalogue import all_engines, find_engines
from harness.engines.clusters import cluster_of, has_cluster
from harness.engines.engine import Engine
from harness.engines.placement import Placement, check_clusters, check_truth, placed
from harness.errors import ServiceError, UsageError
from harness.faults.catalogue import BY_NAME
from harness.faults.plan import DueFault, anywhere, check_place, possible
from harness.measurement.accounting import Readings, Usage
from harness.scenarios.loading import load_scenario
from harness.scenarios.scenario import Scenario
from harness.services.backing import External
from harness.trial.fault_options import trial_options, why_not
from harness.trial.outcome import Injected, still_watched

OF_CLUSTERS = ["worker-kill", "taskmanager-kill", "broker-leader-kill"]


def engine(name: str) -> Engine:
    (found,) = find_engines([name])
    return found


def scenario(**keys: Any) -> Scenario:
    return Scenario.model_validate({"name": "of a test", "engines": ["spark", "flink"], **keys})


def check(found: Scenario, external: External) -> None:
    check_clusters(find_engines(found.contestants), found, external)


def test_options_become_settings_that_go_before_the_scenarios_own() -> None:
    before = scenario(engine_settings={"spark": {"tasks": 1, "master": "yarn", "conf": {"a": "1", "b": "2"}}})
    found = placed(
        before,
        Placement(spark_master="spark://h:7077", spark_conf=["b=3=4"], flink_jobmanager="h:8081", flink_conf=["c="]),
    )
    assert found.engine_settings == {
        "spark": {"tasks": 1, "master": "spark://h:7077", "conf": {"a": "1", "b": "3=4"}},
        "flink": {"jobmanager": "h:8081", "conf": {"c": ""}},
    }
    assert placed(before, Placement()).engine_settings == before.engine_settings


@pytest.mark.parametrize(
    ("options", "named"),
    [
        ({"spark_master": "h:7077"}, "--spark-master: 'h:7077'"),
        ({"flink_jobmanager": "http://h:8081"}, "--flink-jobmanager: 'http://h:8081'"),
        ({"flink_jobmanager": "h"}, "--flink-jobmanager: 'h'"),
        ({"spark_conf": ["spark.a"]}, "--spark-conf: 'spark.a'"),
        ({"flink_conf": ["=b"]}, "--flink-conf: '=b'"),
        ({"truth_master": "local[4]"}, "--truth-master: 'local[4]'"),
        ({"truth_master": "yarn"}, "--truth-master: 'yarn'"),
        ({"truth_master": "http://h:7077"}, "--truth-master: 'http://h:7077'"),
        ({"truth_master": "spark://h"}, "--truth-master: 'spark://h'"),
        ({"truth_master": "spark://me:hush@h:7077"}, "--truth-master"),
        ({"truth_master": ""}, "--truth-master: ''"),
        ({"truth_conf": ["spark.a=1"]}, "--truth-conf: options are for a cluster"),
        ({"truth_master": "spark://h:7077", "truth_conf": ["spark.a"]}, "--truth-conf: 'spark.a'"),
    ],
)
def test_an_option_that_makes_no_sense_is_named(options: dict[str, Any], named: str) -> None:
    with pytest.raises(UsageError) as caught:
        placed(scenario(), Placement(**options))
    assert named in caught.value.message and caught.value.fix


@pytest.mark.parametrize(
    ("name", "settings", "address"),
    [
        ("spark", {}, ""),
        ("spark", {"master": "local[3]"}, ""),
        ("spark", {"master": "yarn"}, "yarn"),
        ("flink", {"jobmanager": "h:8081"}, "h:8081"),
        ("baseline", {"master": "spark://h:7077"}, ""),
    ],
)
def test_local_mode_is_no_cluster(name: str, settings: dict[str, Any], address: str) -> None:
    assert cluster_of(engine(name), settings) == address


def test_clusters_are_started_for_spark_and_flink_only() -> None:
    assert {each.name for each in all_engines([]) if has_cluster(each)} == {"spark", "flink"}
    assert all(each.cluster for each in all_engines([]) if has_cluster(each))


@pytest.mark.parametrize("address", ["10.1.2.3:8081", "flink.example:8081"])
def test_a_cluster_elsewhere_cannot_reach_a_kafka_on_loopback(address: str) -> None:
    settings = {"flink": {"jobmanager": address}}
    with pytest.raises(UsageError, match="Kafka that is started here") as caught:
        check(scenario(engine_settings=settings), External())
    assert "--kafka" in caught.value.fix
    with pytest.raises(UsageError, match="Redis that is started here"):
        check(scenario(engine_settings=settings, route="direct"), External(kafka="k:9092"))


@pytest.mark.parametrize("master", ["spark://127.0.0.1:{port}", "spark://localhost:{port},127.0.0.1:{port}"])
def test_a_cluster_that_does_not_answer_is_named_before_anything_is_started(master: str) -> None:
    with socket.socket() as bound:
        bound.bind(("127.0.0.1", 0))  # and nobody listens
        settings = {"spark": {"master": master.format(port=bound.getsockname()[1])}}
        with pytest.raises(ServiceError, match="does not answer"):
            check(scenario(engine_settings=settings), External())
        bound.listen()
        check(scenario(engine_settings=settings), External())


def test_options_of_the_truth_go_before_the_scenarios_own() -> None:
    before = scenario(truth={"master": "spark://a:7077", "conf": {"x": "1", "y": "2"}})
    found = placed(before, Placement(truth_master="spark://b:7077,c:7077", truth_conf=["y=3"])).truth
    assert (found.master, found.conf) == ("spark://b:7077,c:7077", {"x": "1", "y": "3"})
    assert placed(before, Placement()).truth == before.truth
    assert placed(scenario(), Placement()).truth.master == ""


def test_a_cluster_for_the_truth_that_does_not_answer_is_named_before_anything_is_started() -> None:
    check_truth(scenario().truth, External())
    with socket.socket() as bound:
        bound.bind(("127.0.0.1", 0))  # and nobody listens
        truth = scenario(truth={"master": f"spark://127.0.0.1:{bound.getsockname()[1]}"}).truth
        with pytest.raises(ServiceError, match=r"the truth is to run on, spark://127\.0\.0\.1:\d+, does not answer"):
            check_truth(truth, External())
        bound.listen()
        check_truth(truth, External())


def test_a_cluster_for_the_truth_elsewhere_cannot_read_a_store_on_loopback() -> None:
    truth = scenario(truth={"master": "spark://10.1.2.3:7077"}).truth
    with pytest.raises(UsageError, match="from where the S3 that is started here") as caught:
        check_truth(truth, External(kafka="k:9092"))
    assert "--s3" in caught.value.fix


def test_an_engine_has_one_cluster() -> None:
    with pytest.raises(UsageError, match="spark is to run on yarn"):
        check(scenario(cluster=True, engine_settings={"spark": {"master": "yarn"}}), External())


def test_an_engine_on_a_cluster_elsewhere_cannot_be_given_cores() -> None:
    settings = {"spark": {"master": "spark://far.example:7077"}}
    with pytest.raises(UsageError, match=r"spark is to run on spark://far\.example:7077, whose processes are out of"):
        check(scenario(engine_cpus=1, engine_settings=settings), External())


def test_faults_go_with_clusters_or_without() -> None:
    with pytest.raises(UsageError, match="worker-kill harms a cluster"):
        check_place(["engine-kill", "worker-kill"], cluster=False)
    with pytest.raises(UsageError, match="kafka-cut takes the engine for one process"):
        check_place(["engine-kill", "kafka-cut"], cluster=True)
    check_place(["engine-kill", *OF_CLUSTERS], cluster=True)
    assert set(possible(BY_NAME, cluster=True)) & set(OF_CLUSTERS) == set(OF_CLUSTERS)
    assert not {*possible(BY_NAME, cluster=False), *anywhere(archive=True)} & set(OF_CLUSTERS)


def test_each_cluster_has_a_worker_to_lose_of_its_own_and_all_have_brokers() -> None:
    def suits(name: str) -> list[str]:
        return [fault for fault in OF_CLUSTERS if not why_not(BY_NAME[fault], engine(name))]

    assert suits("spark") == ["worker-kill", "broker-leader-kill"]
    assert suits("flink") == ["taskmanager-kill", "broker-leader-kill"]
    assert suits("baseline") == ["broker-leader-kill"]


def test_an_engine_is_to_restart_tasks_if_a_worker_of_its_is_lost() -> None:
    lost, leader = DueFault("taskmanager-kill", 5, 2), DueFault("broker-leader-kill", 9, 2)
    assert trial_options("x", [lost, leader], [lost, leader]).restarts_tasks
    assert not trial_options("x", [lost, leader], [leader]).restarts_tasks


def test_a_lost_worker_is_looked_for_when_the_next_fault_has_begun() -> None:
    injected = [Injected(DueFault(name, 5, 2)) for name in ("task-kill", "taskmanager-kill", "broker-leader-kill")]
    task, lost, leader = injected
    assert still_watched(injected) == []
    task.started_s = 5.0
    assert still_watched(injected) == [task]
    lost.started_s = 8.0
    assert still_watched(injected) == [lost]
    leader.started_s = 11.0
    assert still_watched(injected) == [lost, leader]


def test_the_built_in_scenario_harms_both_engines() -> None:
    found = load_scenario("cluster", {})
    names = [each.fault for each in found.fault_plan()]
    check_place(names, cluster=found.cluster)
    assert set(names) == set(OF_CLUSTERS) and found.contestants == ["spark", "flink"]


def test_the_usage_of_a_cluster_is_the_sum_of_its_processes() -> None:
    client = Readings([0.0, 1.0], [Usage(1.0, 0.5, 100), Usage(2.0, 0.5, 150)])
    worker = Readings([0.0, 1.0], [Usage(4.0, 1.0, 1000), Usage(6.0, 2.0, 900)])
    both = Readings.together([client, worker])
    assert both.t_s == [0.0, 1.0]
    assert both.usages == [Usage(5.0, 1.5, 1100), Usage(8.0, 2.5, 1050)]
    assert both.between(0, 1) == Usage(3.0, 1.0, 1100)
