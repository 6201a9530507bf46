"""Engines that break the contract in one way each are told so, by the right check and in words that fit."""

import json
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from rich.console import Console

from engines.contract.job import AT_LEAST_ONCE, EXACTLY_ONCE
from harness.conformance.run import Servers, conform
from harness.console.progress import ConsoleWatcher
from harness.engines.catalogue import all_engines, load_engine
from harness.results.conformance import Conformance, Outcome
from tests.integration.ringbench import Ringbench, Services

ENGINES = Path(__file__).parents[1] / "fixtures" / "nonconforming"
#: They mostly wait.
AT_ONCE = 10

pytestmark = [pytest.mark.integration, pytest.mark.calm]

#: By engine, the checks that it fails, each with words of what is said to be likely wrong.
FAULTS = {
    "incremental": {"upserts.absolute": "increments"},
    "milliseconds": {"upserts.key": "milliseconds"},
    "beginning": {"counts.cells": "the window is that of StartT", "malformed.hostile": ""},
    "hasty": {"late.counted": "dropped too early"},
    "hoarding": {"late.dropped": "nothing is dropped as late"},
    "lenient": {"counts.cells": "malformed lines are counted", "malformed.hostile": "malformed"},
    "swallowing": {
        "malformed.dead-letters": "no dead letter arrives",
        "malformed.tombstone": "no dead letter arrives",
        "malformed.hostile": "no dead letter arrives",
    },
    "patient": {"counts.fresh": "when their window closes"},
    "silent": {"start.ready": "waits for the first record"},
    "stubborn": {"stop.sigterm": "SIGTERM is ignored"},
    "interruptible": {"stop.sigint": "SIGINT is to be ignored"},
    "untidy": {"events.stdout": "torn", "stop.none-left": "ignores SIGTERM", "files.private": "current folder"},
    "careless": {"start.settings": "ignores settings", "events.progress": "since the last event", "events.totals": ""},
    "forgetful": {"restart.counts": "counts begin anew"},
    "repeating": {"restart.counts": "are counted again"},
    "hurried": {"input.beginning": "starts at the end"},
    "californian": {"locations.us": "california is built in"},
    "scattering": {"upserts.partition": "leave it to the producer"},
    "untransacted": {"upserts.once": "a restart tells all counts again", "restart.checkpoint": ""},
    "lowering": {"upserts.once": "a restart tells all counts again"},
    "skipping": {"restart.counts": "the offsets are newer than the counts"},
    "dangling": {"stop.closed": "in the midst of a transaction"},
}
#: The baseline once more, by the name of what was found.
ONCE = "baseline, exactly once"
#: Those that are to deliver exactly once.
TRANSACTIONAL = (ONCE, "untransacted", "lowering", "skipping", "dangling")


@pytest.fixture(scope="module")
def found(services: Services, tmp_path_factory: pytest.TempPathFactory) -> dict[str, Conformance]:
    """What was found of each engine, with the baseline among them."""
    runs, servers = tmp_path_factory.mktemp("runs"), Servers(services.kafka, services.redis, {})
    engines = {"baseline": next(each for each in all_engines([]) if each.name == "baseline")}
    engines |= {ONCE: engines["baseline"]} | {name: load_engine(ENGINES / name) for name in FAULTS}

    def check(name: str) -> Conformance:
        watcher = ConsoleWatcher(Console(stderr=True, quiet=True))
        delivery = EXACTLY_ONCE if name in TRANSACTIONAL else AT_LEAST_ONCE
        directory = runs / name.replace(" ", "-").replace(",", "")
        return conform(engines[name], servers, directory, ["ringbench"], watcher, quick=True, delivery=delivery)[0]

    # The longest first.
    order = sorted(engines, key=lambda name: name not in ("stubborn", "silent", "hoarding", "patient"))
    with ThreadPoolExecutor(AT_ONCE) as pool:
        return dict(zip(order, pool.map(check, order), strict=True))


def test_every_wrong_engine_is_here() -> None:
    assert {path.parent.name for path in ENGINES.glob("*/engine.toml")} == set(FAULTS)


@pytest.mark.parametrize(
    ("name", "skipped"), [("baseline", {"upserts.once", "stop.closed"}), (ONCE, {"upserts.plain", "route.direct"})]
)
def test_the_baseline_passes_every_check(found: dict[str, Conformance], name: str, skipped: set[str]) -> None:
    others = {check.id: (check.outcome, check.seen) for check in found[name].checks if check.outcome != Outcome.PASS}
    assert {each: outcome for each, (outcome, _) in others.items()} == dict.fromkeys(skipped, Outcome.SKIPPED), others


@pytest.mark.parametrize("name", FAULTS)
def test_a_wrong_engine_fails_what_it_breaks_and_nothing_else(found: dict[str, Conformance], name: str) -> None:
    wrong = [each for each in found[name].checks if each.outcome in (Outcome.FAIL, Outcome.WARNING)]
    assert {each.id for each in wrong} == set(FAULTS[name]), "\n".join(f"{each.id}: {each.seen}" for each in wrong)
    assert {each.id: each.likely for each in wrong if FAULTS[name][each.id] not in each.likely} == {}
    assert all((each.did, each.expected, each.seen, each.docs) for each in wrong)
    assert found[name].passed == (name == "hoarding")


def test_the_command_tells_and_saves_the_same(tmp_path: Path) -> None:
    engine = tmp_path / "mine"
    engine.mkdir()
    lock = next(each for each in all_engines([]) if each.name == "baseline").directory / "requirements.lock"
    descriptor = f'name = "mine"\ndescription = "Ends at once"\nentry = "main.py"\nrequirements = "{lock}"\n'
    (engine / "engine.toml").write_text(descriptor, encoding="utf-8")
    (engine / "main.py").write_text("raise SystemExit('as it was made to')\n", encoding="utf-8")
    with Ringbench(tmp_path, "conformance", str(engine), "--quick", "--json") as run:
        assert run.end() == 1, run.stderr
        assert run.processes() == []
        assert list(run.temp.iterdir()) == []
    (saved,) = run.runs.rglob("conformance.json")
    found = json.loads(run.stdout)
    assert json.loads(saved.read_text(encoding="utf-8")) == found
    assert [each["id"] for each in found["checks"] if each["outcome"] == "fail"] == ["start.settings", "start.ready"]
    assert "as it was made to" in run.stderr and "mine does not keep to the contract" in run.stderr
    assert (saved.parent / "logs" / "stream.log").exists()
