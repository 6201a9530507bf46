"""The documented recipes, in small: each contestant counts right, and is told of by its name.

Seconds of load name no winner; what a recipe finds is for whoever runs it as it is documented.
"""

import os
from itertools import pairwise
from pathlib import Path

import pytest

from harness.scenarios.contestants import OPTION, parse_contestant
from tests.builders.recipes import recipes
from tests.integration.ringbench import Ringbench, Services, outcome, write_scenario

pytestmark = [pytest.mark.integration, pytest.mark.proof]


@pytest.mark.parametrize("command", recipes(), ids=lambda command: command[-1])
def test_all_contestants_of_a_recipe_pass(tmp_path: Path, services: Services, command: list[str]) -> None:
    if "engine_cpus=2" in command[-1] and len(os.sched_getaffinity(0)) < 3:
        pytest.skip("two cores for an engine take a machine with three")
    name, *options = command
    arguments = [name, write_scenario(tmp_path), *options, "--trials", "1", "--json"]
    with Ringbench(tmp_path, *arguments, *services.arguments(), env=services.environment()) as run:
        found = outcome(run)
    assert found.code == 0, found.stderr
    asked = [parse_contestant(each) for option, each in pairwise(options) if option == OPTION]
    asked += [{"name": each, "engine": each} for option, each in pairwise(options) if option == "--engine"]
    assert [(each["name"], each["engine"], each["verdict"]) for each in found.result["engines"]] == [
        (each["name"], each["engine"], "pass") for each in asked
    ]
    if len({each["engine"] for each in asked}) == 1:
        said = f"{asked[0]['name']} and {asked[1]['name']} run {asked[0]['engine']}"
        assert said in (found.directory / "report.md").read_text(encoding="utf-8")
