"""Bad scenarios get one clear error each, which names file and key."""

from pathlib import Path

import pytest

from harness.errors import ConfigurationError
from harness.scenarios.loading import built_in_scenarios, load_scenario


@pytest.mark.parametrize("name", built_in_scenarios())
def test_built_in_scenarios_load(name: str) -> None:
    assert load_scenario(name, {}).name == name


def test_main_is_the_main_job() -> None:
    main = load_scenario("main", {})
    assert main.rate_records_per_s == 6000 and main.duration_s >= 60
    assert main.contestants == ["spark", "flink", "baseline"]


def test_overrides_replace_keys() -> None:
    assert load_scenario("main", {"seed": 99, "engines": ["flink"]}).contestants == ["flink"]


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("name: x\nrate_record_per_s: 5", ["rate_record_per_s", "unknown key", "did you mean 'rate_records_per_s'?"]),
        ("name: x\nrate_records_per_s: 0", ["rate_records_per_s", "found 0", "greater than 0"]),
        ("name: x\nrate_records_per_s: fast", ["rate_records_per_s", "found 'fast'", "integer"]),
        ("name: x\nrate_records_per_s: '6000'", ["rate_records_per_s", "found '6000'"]),
        ("name: x\nduration_s: 1.5", ["duration_s", "found 1.5"]),
        ("name: x\nprofile: constnat", ["profile: found 'constnat'", "unknown profile; give constant, or"]),
        ("name: x\npartitions: 2\ngenerators: 3", ["generators", "found 3", "3 processes", "2 partitions"]),
        ("name: x\nengines: []", ["engines", "at least 1"]),
        ("name: x\nroute: direkt", ["route", "found 'direkt'", "'kafka' or 'direct'"]),
        ("name: x\nlimits: {quiet: 3}", ["limits.quiet", "unknown key", "did you mean 'quiet_s'?"]),
        ("rate_records_per_s: 5", ["name", "required"]),
        ("- a list", ["expected keys and values", "found list"]),
        ("name: [", ["while parsing"]),
    ],
)
def test_bad_scenarios_are_refused(tmp_path: Path, text: str, words: list[str]) -> None:
    path = tmp_path / "bad.yaml"
    path.write_text(text, encoding="utf-8")
    with pytest.raises(ConfigurationError) as caught:
        load_scenario(str(path), {})
    message = caught.value.message
    assert str(path) in message
    assert all(word in message for word in words), message
    assert caught.value.exit_code == 2


def test_all_problems_are_named_at_once(tmp_path: Path) -> None:
    path = tmp_path / "bad.yaml"
    path.write_text("name: x\nrate: 1\nduration_s: 0", encoding="utf-8")
    with pytest.raises(ConfigurationError) as caught:
        load_scenario(str(path), {})
    assert len(caught.value.message.splitlines()) == 2


def test_an_unknown_name_suggests_a_scenario() -> None:
    with pytest.raises(ConfigurationError, match="did you mean 'smoke'"):
        load_scenario("smok", {})


def test_a_missing_file_is_named() -> None:
    with pytest.raises(ConfigurationError, match=r"nowhere\.yaml"):
        load_scenario("nowhere.yaml", {})
