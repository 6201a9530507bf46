"""The engines that are not part of the main job: a whole run, over several partitions, proves that they count right.

It is on services of the user's own: both engines make topics of their own there, which must not stay.
"""

from collections.abc import Iterator

import pytest

from harness.processes import wait_until
from tests.integration.ringbench import (
    GONE_DEADLINE_S,
    RUN_DEADLINE_S,
    Outcome,
    Ringbench,
    Services,
    outcome,
    write_scenario,
)

pytestmark = [pytest.mark.integration, pytest.mark.timeout(RUN_DEADLINE_S)]

ENGINES = ["kstreams", "quix"]


@pytest.fixture(scope="module")
def run(services: Services, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Outcome]:
    """A run of them, with records that come twice."""
    directory = tmp_path_factory.mktemp("further")
    scenario = write_scenario(directory, engines=ENGINES, duplicates_per_million=20_000)
    arguments = [scenario, *services.arguments(), "--json"]
    with Ringbench(directory, "run", *arguments, env=services.environment()) as command:
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
    assert "at_least_once" in {str(value).replace("-", "_") for value in engine["config"].values()}
    assert engine["correctness"]["dead_letters"]["observed"] > 0


def test_no_topics_of_theirs_stay(run: Outcome, services: Services) -> None:
    wait_until(
        lambda: not [name for name in services.topics() if run.result["run_id"] in name],
        deadline_s=GONE_DEADLINE_S,
        what="the run's topics, and the engines' own, are gone",
    )
