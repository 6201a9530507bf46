"""An engine's JVM does without its thorough compiler where that would not be done in time, and nowhere else."""

import tomllib

import pytest

from engines.contract.compilers import compiler_options, compilers_in_use
from tests.builders.engine_modules import ENGINES


@pytest.mark.parametrize(
    ("setting", "cores", "in_use"),
    [
        ("auto", 1, "quick"),
        ("auto", 3, "quick"),
        ("auto", 4, "both"),
        ("both", 2, "both"),
        ("quick", 64, "quick"),
    ],
)
def test_the_setting_and_the_cores_decide_on_the_compilers(setting: str, cores: int, in_use: str) -> None:
    assert compilers_in_use(["-Xmx2g", *compiler_options(setting, cores)]) == in_use


def test_the_quick_compiler_alone_has_as_much_room_for_its_code_as_both() -> None:
    assert "-XX:ReservedCodeCacheSize=240m" in compiler_options("quick", 2)


def test_another_setting_is_an_error_that_names_those_there_are() -> None:
    with pytest.raises(ValueError, match="compilers is 'c1'; expected auto, both or quick"):
        compiler_options("c1", 2)


@pytest.mark.parametrize("engine", ["spark", "flink"])
def test_tunings_for_throughput_have_both_compilers_on_any_machine(engine: str) -> None:
    tunings = tomllib.loads((ENGINES / engine / "engine.toml").read_text(encoding="utf-8"))["tunings"]
    assert tunings["throughput"]["compilers"] == "both"
