"""The engines that are not part of the main job: a whole run, over several partitions, proves that they count right."""

from collections.abc import Iterator

import pytest

from tests.integration.ringbench import RUN_DEADLINE_S, Outcome, Ringbench, outcome, write_scenario

pytestmark = [pytest.mark.integration, pytest.mark.timeout(RUN_DEADLINE_S)]

ENGINES = ["kstreams", "quix"]


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Outcome]:
    """A run of them, with records that come twice."""
    directory = tmp_path_factory.mktemp("further")
    scenario = write_scenario(directory, engines=ENGINES, duplicates_per_million=20_000)
    with Ringbench(directory, "run", scenario, "--json") as command:
        yield outcome(command)


def test_each_passes(run: Outcome) -> None:
    assert run.code == 0, run.stderr
    assert [(each["name"], each["verdict"], each["reasons"]) for each in run.result["engines"]] == [
        (name, "pass", []) for name in ENGINES
    ]


@pytest.mark.parametrize("name", ENGINES)
def test_each_tells_its_version_and_what_is_in_effect(run: Outcome, name: str) -> None:
    engine = run.engine(name)
    assert engine["version"]
    assert engine["config"]["processing.guarantee" if name == "kstreams" else "processing_guarantee"]
    assert engine["correctness"]["dead_letters"]["observed"] > 0
