"""Sections of a scenario for profiles, skew and a hot partition: read as written, and refused with one clear error."""

from pathlib import Path

import pytest

from harness.errors import ConfigurationError
from harness.scenarios.loading import load_scenario
from harness.scenarios.scenario import Scenario
from workloads.shapes import Bursts, Diurnal, Ramp, Shape, Spike, Step


def _load(tmp_path: Path, text: str) -> Scenario:
    path = tmp_path / "scenario.yaml"
    path.write_text(f"name: x\nduration_s: 30\n{text}", encoding="utf-8")
    return load_scenario(str(path), {})


@pytest.mark.parametrize(
    ("text", "profile"),
    [
        ("profile: constant", ()),
        ("profile: {kind: ramp, from_factor: 0.2, to_factor: 1}", (Ramp(0.2, 1.0),)),
        ("profile: [{kind: step, at_s: 3, factor: 2}]", (Step(3, 2.0),)),
        (
            (
                "profile:\n- {kind: diurnal, day_s: 10}\n- {kind: bursts, on_mean_s: 3, off_mean_s: 4.5}\n"
                "- {kind: spike, at_s: 29, duration_s: 1, factor: 9}"
            ),
            (Diurnal(10, 0.2), Bursts(3.0, 4.5), Spike(29, 1, 9.0)),
        ),
    ],
)
def test_a_profile_is_a_name_a_shape_or_several(tmp_path: Path, text: str, profile: tuple[Shape, ...]) -> None:
    scenario = _load(tmp_path, text)
    assert scenario.workload().profile == profile
    assert Scenario.model_validate(scenario.model_dump()) == scenario


def test_a_constant_profile_is_recorded_as_it_was(tmp_path: Path) -> None:
    assert _load(tmp_path, "").model_dump()["profile"] == "constant"


def test_skew_and_a_hot_partition_reach_the_workload(tmp_path: Path) -> None:
    found = _load(tmp_path, "county_skew: {zipf: 1.2}\nhot_partition: {share: 0.5}").workload()
    assert (found.zipf_exponent, found.hot_share) == (1.2, 0.5)


STEP = "kind: step, at_s: 3, factor: 2"


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("profile: []", ["profile: found []", "constant, or one shape"]),
        ("profile: 5", ["profile: found 5", "list"]),
        ("profile: [5]", ["profile.0: found 5"]),
        ("profile: {at_s: 5}", ["profile.kind", "required, one of ramp, step, spike, diurnal, bursts"]),
        ("profile: {kind: rmp}", ["profile.kind: found 'rmp' (did you mean 'ramp'?)", "one of ramp, step"]),
        (f"profile: [{{{STEP}}}, {{kind: sptep}}]", ["profile.1.kind: found 'sptep'"]),
        (f"profile: {{{STEP}, facter: 3}}", ["profile.facter", "unknown key (did you mean 'factor'?)"]),
        (f"profile: [{{{STEP}, day_s: 3}}]", ["profile.0.day_s", "known keys: kind, at_s, factor"]),
        ("profile: [{kind: step, at_s: 3}]", ["profile.0.factor", "required"]),
        ("profile: {kind: step, at_s: 3, factor: 1}", ["profile.factor: found 1", "changes nothing"]),
        ("profile: {kind: step, at_s: 3, factor: -1}", ["profile.factor: found -1", "greater than or equal to 0"]),
        ("profile: {kind: step, at_s: 3, factor: .nan}", ["profile.factor: found nan"]),
        ("profile: {kind: step, at_s: 1.5, factor: 2}", ["profile.at_s: found 1.5"]),
        ("profile: {kind: step, at_s: 30, factor: 2}", ["profile: begins 30 s", "which has 30 s"]),
        (f"profile: [{{{STEP}}}, {{kind: spike, at_s: 29, duration_s: 2, factor: 2}}]", ["profile.1: ends 31 s"]),
        ("profile: {kind: ramp, from_factor: 1, to_factor: 1}", ["profile.to_factor", "is none"]),
        ("profile: {kind: ramp, from_factor: 1, to_factor: 2, at_s: 30}", ["profile: begins 30 s"]),
        ("profile: {kind: diurnal, day_s: 1}", ["profile.day_s: found 1", "equal to 2"]),
        ("profile: {kind: diurnal, day_s: 9, trough_factor: 1}", ["profile.trough_factor: found 1", "less than 1"]),
        ("profile: {kind: bursts, on_mean_s: 0.5, off_mean_s: 1}", ["profile.on_mean_s: found 0.5"]),
        ("profile: {kind: bursts, on_mean_s: 1, off_mean_s: 1, alpha: 1}", ["profile.alpha: found 1", "1.1"]),
        (
            "rate_records_per_s: 200000\nprofile: {kind: spike, at_s: 7, duration_s: 2, factor: 60}",
            ["profile: ", "second 7 has 12,000,000 records/s", "10,000,000 at most"],
        ),
        ("county_skew: 1.2", ["county_skew: found 1.2"]),
        ("county_skew: {}", ["county_skew.zipf", "required"]),
        ("county_skew: {zipf: 6}", ["county_skew.zipf: found 6", "equal to 5"]),
        ("county_skew: {zpf: 1, zipf: 1}", ["county_skew.zpf", "did you mean 'zipf'?", "known keys: zipf"]),
        ("hot_partition: {share: 1}", ["hot_partition.share: found 1", "0.999"]),
        ("hot_partition: {share: 0.5, partition: 1}", ["hot_partition.partition", "known keys: share"]),
        ("partitions: 1\nhot_partition: {share: 0.5}", ["hot_partition: ", "`partitions` to 2 or more"]),
    ],
)
def test_bad_input_gets_one_clear_error(tmp_path: Path, text: str, words: list[str]) -> None:
    with pytest.raises(ConfigurationError) as caught:
        _load(tmp_path, text)
    message = caught.value.message
    assert all(word in message for word in words), message
    assert len(message.splitlines()) == 1, message


def test_all_shapes_out_of_place_are_named_at_once(tmp_path: Path) -> None:
    late = "{kind: step, at_s: 40, factor: 2}"
    with pytest.raises(ConfigurationError) as caught:
        _load(tmp_path, f"profile: [{late}, {{{STEP}}}, {late}]")
    assert [line.split(": ")[1] for line in caught.value.message.splitlines()] == ["profile.0", "profile.2"]
