"""More than 10,000 hostile lines through real engines: each takes for malformed what the codec does, to the byte."""

import tempfile
import time
from collections import Counter, defaultdict
from collections.abc import Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path

import pytest
from confluent_kafka import Producer
from hypothesis import given, settings

from engines.contract.aggregate import Cell, encode_count, encode_key
from engines.contract.job import JobSpecification
from engines.contract.record import Record, parse
from harness.child import Child
from harness.engines import contract_path, find_engines, prepare
from harness.processes import wait_until
from harness.provision.java import ensure_java
from harness.topics import TIMEOUT_S, Topics, create_topics, delete_topics, read_topic
from tests.hostile import BOTH, REFUSED, VALID, codec_error, hostile_lines
from tests.integration.ringbench import Services

ENGINES = ("spark", "flink", "baseline", "kstreams", "quix")
LINES = 10_000
#: Some are drawn twice.
DRAWS = 12_000
#: A trap that makes fewer lines of a class than this tries little.
LEAST = 15
#: How many lines a message names.
NAMED = 5

READY_S = 120.0
READ_S = 120.0
STOP_S = 20.0
#: An engine that has read everything and writes nothing for so long is done, right or wrong.
QUIET_S = 10.0
POLL_S = 0.25

pytestmark = [pytest.mark.integration, pytest.mark.timeout(2 * READY_S + READ_S)]


@dataclass(frozen=True)
class Output:
    """What an engine has written: the last value of each key of its aggregates, and its dead letters."""

    counts: dict[bytes, bytes | None]
    dead_letters: Counter[bytes | None]


@pytest.fixture(scope="module")
def drawn() -> dict[bytes, str]:
    """The lines, all different and the same in every run, each with the name of its trap."""
    found: dict[bytes, str] = {}

    @settings(max_examples=DRAWS, derandomize=True, database=None, deadline=None)
    @given(hostile_lines())
    def draw(named: tuple[str, bytes]) -> None:
        found.setdefault(named[1], named[0])

    draw()
    return found


@pytest.fixture(scope="module")
def messages(drawn: dict[bytes, str]) -> list[bytes | None]:
    """The values to send: the lines, some of them twice, and a tombstone."""
    return [*in_order(list(drawn) + list(drawn)[::50]), None]


def in_order(lines: Sequence[bytes]) -> list[bytes]:
    """`lines` with the well-formed ones, where they stand, in the order of their event times.

    None of them is late then. Malformed lines with times far ahead stand between them, and must make none late.
    """
    records = [parse(line) for line in lines]
    well_formed = [(record.event_time_ms, line) for record, line in zip(records, lines, strict=True) if record]
    ordered = iter(sorted(well_formed))
    return [next(ordered)[1] if record else line for record, line in zip(records, lines, strict=True)]


def test_there_are_enough_lines_on_either_side_of_the_border(drawn: dict[bytes, str]) -> None:
    made = Counter((trap, parse(line) is not None) for line, trap in drawn.items())
    accepted = sum(count for (_, well_formed), count in made.items() if well_formed)
    assert len(drawn) >= LINES
    assert 0.1 < accepted / len(drawn) < 0.7
    wanted = {(trap, well_formed) for trap in BOTH for well_formed in (True, False)}
    wanted |= {(VALID, True)} | {(trap, False) for trap in REFUSED}
    assert made.keys() == wanted
    assert min(made.values()) >= LEAST, made


def test_the_codec_agrees_with_the_oracle(drawn: dict[bytes, str]) -> None:
    wrong = {line: error for line in drawn if (error := codec_error(line))}
    assert not wrong, f"{len(wrong)} lines, such as {list(wrong.items())[:NAMED]}"


@pytest.mark.parametrize("engine", ENGINES)
def test_an_engine_takes_for_malformed_what_the_codec_does(
    engine: str, messages: list[bytes | None], services: Services
) -> None:
    wanted = expected(messages)
    with ExitStack() as stack:
        topics = Topics.of("hostile", engine)
        stack.callback(delete_topics, services.kafka, topics)
        create_topics(services.kafka, topics, 1)
        send(services.kafka, topics.input, messages)
        directory = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="ringbench-hostile-")))
        child = stack.enter_context(start_engine(engine, services.kafka, topics, directory))
        wait_until_done(child, services.kafka, topics, len(messages), wanted)
        child.stop(STOP_S)
        found = output(services.kafka, topics)
    assert not (wrong := differences(messages, wanted, found)), "\n".join(wrong)
    totals = child.wait_for("stopped", STOP_S).fields
    assert (totals["records_in"], totals["malformed"]) == (len(messages), wanted.dead_letters.total())
    assert totals["late"] == 0
    assert child.process.poll() == 0


def expected(messages: list[bytes | None]) -> Output:
    """What an engine must write, by the codec. A tombstone is an empty line."""
    lines = [message or b"" for message in messages]
    records = [parse(line) for line in lines]
    counts = Counter(key_of(record) for record in records if record)
    return Output(
        {key: encode_count(count) for key, count in counts.items()},
        Counter(line for record, line in zip(records, lines, strict=True) if record is None),
    )


def key_of(record: Record) -> bytes:
    """The aggregates' key that `record` counts for."""
    return encode_key(Cell(record.window_s, record.location, record.operator, record.type))


def send(bootstrap_servers: str, topic: str, messages: list[bytes | None]) -> None:
    """Write `messages` to `topic`, in order."""
    errors = []
    producer = Producer({"bootstrap.servers": bootstrap_servers, "enable.idempotence": True})
    for message in messages:
        producer.produce(topic, message, on_delivery=lambda error, _message: errors.append(error))
        producer.poll(0)
    assert producer.flush(TIMEOUT_S) == 0
    assert errors == [None] * len(messages)


def start_engine(name: str, bootstrap_servers: str, topics: Topics, directory: Path) -> Child:
    """Start an engine as a trial does; all its files go into `directory`."""
    prepared = prepare(find_engines([name])[0], print)
    (directory / "tmp").mkdir()
    (directory / "checkpoints").mkdir()
    job = JobSpecification(
        run_id="hostile",
        engine=name,
        bootstrap_servers=bootstrap_servers,
        input_topic=topics.input,
        output_topic=topics.aggregates,
        dead_letter_topic=topics.dead_letter,
        allowed_lateness_ms=1000,
        parallelism=2,
        checkpoint_dir=str(directory / "checkpoints"),
        checkpoint_interval_ms=1000,
        jars=[str(jar) for jar in prepared.jars],
        # Spark moves its watermark between micro-batches only: make it some.
        settings={"max_records_per_batch": 3000} if name == "spark" else {},
    )
    job.save(directory / "job.json")
    argv = [str(prepared.python), str(prepared.engine.directory / prepared.engine.entry), str(directory / "job.json")]
    environment = {
        "JAVA_HOME": str(ensure_java(print).home),
        "PYTHONPATH": str(contract_path(directory)),
        "TMPDIR": str(directory / "tmp"),
    }
    return Child(f"engine {name}", argv, log_path=directory / "engine.log", env=environment)


def wait_until_done(child: Child, bootstrap_servers: str, topics: Topics, sent: int, wanted: Output) -> None:
    """Wait until the engine has read all of its input, and has written what is `wanted`, or no more for a while."""
    child.wait_for("ready", READY_S)
    wait_until(
        lambda: (child.latest("records_in") or 0) >= sent,
        deadline_s=READ_S,
        what=f"{child.name} has read {sent:,} lines",
        process=child.process,
        poll_s=POLL_S,
    )
    last, since_s = Output({}, Counter()), time.monotonic()

    def is_done() -> bool:
        nonlocal last, since_s
        now = output(bootstrap_servers, topics)
        if now != last:
            last, since_s = now, time.monotonic()
        return now == wanted or time.monotonic() - since_s > QUIET_S

    wait_until(is_done, deadline_s=READ_S, what="all is written", process=child.process, poll_s=POLL_S)


def output(bootstrap_servers: str, topics: Topics) -> Output:
    """What stands in an engine's topics now."""
    return Output(
        {message.key() or b"": message.value() for message in read_topic(bootstrap_servers, topics.aggregates)},
        Counter(message.value() for message in read_topic(bootstrap_servers, topics.dead_letter)),
    )


def differences(messages: list[bytes | None], wanted: Output, found: Output) -> list[str]:
    """Where an engine disagrees with the codec: the first lines of each kind, in the order they were sent in."""
    order = list(dict.fromkeys(message or b"" for message in messages))
    told = []
    for what, lines in (
        ("missing from the dead letters", wanted.dead_letters - found.dead_letters),
        ("dead letters too many", found.dead_letters - wanted.dead_letters),
    ):
        # What was never sent comes first.
        named = [*(lines.keys() - set(order)), *(line for line in order if line in lines)]
        told += [f"{len(named)} lines are {what}, the first of them: {named[:NAMED]}"] if named else []
    by_key = defaultdict(list)
    for line in order:
        if record := parse(line):
            by_key[key_of(record)].append(line)
    keys = wanted.counts.keys() | found.counts.keys()
    cells = sorted(key for key in keys if wanted.counts.get(key) != found.counts.get(key))
    return told + [
        f"{key!r}: {found.counts.get(key)!r} in place of {wanted.counts.get(key)!r}; its lines: {by_key[key][:NAMED]}"
        for key in cells[:NAMED]
    ]
