"""The job of each process of a trial. Pure functions of the trial's setting."""

import os
from collections.abc import Mapping
from typing import Any
from urllib.parse import urlsplit

from engines.contract.job import JobSpecification, RedisTarget
from engines.contract.kafka import OAUTH_URL
from engines.contract.process import JVM_OPTIONS
from harness.faults.catalogue import GENERATOR, KAFKA_PROXY, REDIS_PROXY
from harness.measurement.jvm_pauses import logging_option
from harness.services.ports import HOST
from harness.trial.setting import CHECKPOINTS, JOURNAL, Setting
from harness.workers.jobs import ArchiverJob, GeneratorJob, ProbeJob, ProxyJob, RedisWriterJob


def engine_job(setting: Setting, settings: dict[str, Any], proxy_ports: Mapping[str, int]) -> JobSpecification:
    """The engine's, with its `settings`; `proxy_ports` are those of the trial's proxies, by name."""
    scenario, backing = setting.scenario, setting.backing
    return JobSpecification(
        run_id=setting.run_id,
        engine=setting.engine,
        bootstrap_servers=_through(KAFKA_PROXY, proxy_ports) or backing.bootstrap_servers,
        kafka_properties=backing.kafka_properties,
        input_topic=setting.topics.input,
        route=scenario.route,
        output_topic=setting.topics.aggregates,
        redis=_redis_target(setting) if scenario.is_direct else None,
        delivery=scenario.delivery,
        dead_letter_topic=setting.topics.dead_letter,
        query=scenario.query,
        query_parameters=scenario.parameters,
        locations=scenario.locations,
        allowed_lateness_ms=scenario.allowed_lateness_ms,
        parallelism=scenario.parallelism,
        checkpoint_dir=str(setting.directory / CHECKPOINTS),
        checkpoint_interval_ms=scenario.checkpoint_interval_ms,
        restarts_tasks=setting.options.restarts_tasks,
        jars=[str(jar) for jar in setting.prepared.jars],
        settings=settings,
    )


def _redis_target(setting: Setting) -> RedisTarget:
    backing = setting.backing
    return RedisTarget(url=backing.redis_url, namespace=backing.namespace, expire_s=setting.expire_s)


def _through(proxy: str, ports: Mapping[str, int]) -> str:
    """The address of a proxy; empty if there is no such one."""
    return f"{HOST}:{ports[proxy]}" if proxy in ports else ""


def _elsewhere(url: str, address: str) -> str:
    """`url` with another host and port: the same user, password and database."""
    parts = urlsplit(url)
    login, at, _ = parts.netloc.rpartition("@")
    return parts._replace(netloc=login + at + address).geturl()


def generator_job(setting: Setting) -> GeneratorJob:
    """The generator's."""
    return GeneratorJob(
        workload=setting.scenario.workload(),
        anchor=setting.anchor,
        bootstrap_servers=setting.backing.bootstrap_servers,
        kafka_properties=setting.backing.kafka_properties,
        topic=setting.topics.input,
        output=setting.file("generator.npz"),
        orders=str(setting.orders(GENERATOR)) if setting.options.producers_stamps else "",
        end=setting.end_orders,
        shards=setting.scenario.generators,
        processes=setting.scenario.generators,
    )


def archiver_job(setting: Setting) -> ArchiverJob:
    """The archiver's."""
    bucket = setting.backing.bucket
    return ArchiverJob(
        workload=setting.scenario.workload(),
        bootstrap_servers=setting.backing.bootstrap_servers,
        kafka_properties=setting.backing.kafka_properties,
        topic=setting.topics.input,
        endpoint=bucket.endpoint,
        bucket=bucket.name,
        prefix=setting.archive_prefix,
        output=setting.file("archiver.npz"),
        archivers=setting.scenario.archivers,
    )


def writer_job(setting: Setting, proxy_ports: Mapping[str, int]) -> RedisWriterJob:
    """The Redis writer's; `proxy_ports` are those of the trial's proxies, by name."""
    proxy = _through(REDIS_PROXY, proxy_ports)
    return RedisWriterJob(
        bootstrap_servers=setting.backing.bootstrap_servers,
        kafka_properties=setting.backing.kafka_properties,
        topic=setting.topics.aggregates,
        redis_url=_elsewhere(setting.backing.redis_url, proxy) if proxy else setting.backing.redis_url,
        namespace=setting.backing.namespace,
        expire_s=setting.expire_s,
        journal=setting.file(JOURNAL) if setting.options.journal else "",
        query=setting.scenario.query,
        transactional=setting.scenario.is_exactly_once,
        writers=setting.scenario.redis_writers,
        directory=str(setting.directory),
        probes=setting.scenario.probes,
    )


def probe_job(setting: Setting, recording: str) -> ProbeJob:
    """The probe's; `recording` is the file to keep all updates in, empty for none."""
    return ProbeJob(
        workload=setting.scenario.workload(),
        anchor=setting.anchor,
        redis_url=setting.backing.redis_url,
        namespace=setting.backing.namespace,
        output=setting.file("probe.json"),
        recording=recording,
        end=setting.end_orders,
        query=setting.scenario.query,
        probes=setting.scenario.probes,
    )


def proxy_jobs(setting: Setting) -> dict[str, ProxyJob]:
    """Those of the proxies that faults act through, by the proxy's name."""
    jobs = {}
    if setting.options.proxied:
        port = urlsplit(setting.backing.redis_url).port
        assert port, "faults are for a Redis that was started here"
        jobs[REDIS_PROXY] = ProxyJob(target_port=port, orders=str(setting.orders(REDIS_PROXY)))
    if setting.options.kafka_proxied:
        detour = setting.backing.kafka.detour
        assert detour, "the session was opened without a detour to Kafka"
        orders = str(setting.orders(KAFKA_PROXY))
        jobs[KAFKA_PROXY] = ProxyJob(target_port=detour.broker_port, orders=orders, port=detour.proxy_port)
    return jobs


def jvm_options(setting: Setting) -> dict[str, str]:
    """Variables with options: for any JVM of the engine's, the user's own kept, and for the one that counts."""
    archive = setting.prepared.class_archive
    if not archive:
        return {}
    own = os.environ.get("JDK_JAVA_OPTIONS", "")
    options = [logging_option(setting.directory, "engine")]
    if url := setting.backing.kafka_properties.get(OAUTH_URL):
        # Kafka's client asks no OAuth server that the JVM does not allow.
        options.append(f"-Dorg.apache.kafka.sasl.oauthbearer.allowed.urls={url}")
    # Quoted, for the sake of a folder's name with a blank in it.
    every = " ".join([own, *(f'"{each}"' for each in options)]).strip()
    return {"JDK_JAVA_OPTIONS": every, JVM_OPTIONS: " ".join(archive.options(setting.directory))}
