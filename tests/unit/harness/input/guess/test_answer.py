"""What `ringbench input guess` writes and says."""

import json
from pathlib import Path

import pytest
import yaml
from typer.testing import CliRunner

from harness.cli import app
from harness.errors import ConfigurationError, UsageError
from harness.input.guess import answer as answers
from harness.input.guess.answer import answer

ROWS = "".join(f"05/03/2024 09:0{at % 10}:00;{at};9165550100;9165550101\n" for at in range(30))


@pytest.fixture
def calls(tmp_path: Path) -> Path:
    path = tmp_path / "calls.csv"
    path.write_text(f"Start;Seconds;From;To\n{ROWS}")
    return path


def _silent(_: str) -> None:
    """Where nobody looks."""


def test_the_map_is_yaml_with_a_comment_at_each_key(calls: Path) -> None:
    found = answer(str(calls), _silent)
    assert yaml.safe_load(found.text) == found.report.map
    text = found.text.split("\n")
    keys = [at for at, line in enumerate(text) if line.startswith("  ") and not line.lstrip().startswith("#")]
    assert len(keys) == 6
    assert all(text[at - 1].startswith("  #") for at in keys)


def test_what_is_not_sure_stands_at_the_top_of_the_map_with_what_would_tell(calls: Path) -> None:
    top, _, _ = answer(str(calls), _silent).text.partition("layout:")
    assert "NOT SURE" in top
    assert "'%d/%m/%Y %H:%M:%S'" in top
    assert "timezone" in top


def test_a_zone_that_nothing_tells_is_left_to_the_reader_that_warns_of_it(calls: Path) -> None:
    found = answer(str(calls), _silent)
    assert found.report.map is not None
    assert "timezone" not in found.report.map
    assert "# timezone: " in found.text
    assert found.report.tried is not None
    assert found.report.tried.timezone_assumed


def test_the_map_is_tried_on_all_rows(calls: Path) -> None:
    calls.write_text(calls.read_text() + "99/99/2024 09:00:00;4;9165550100;9165550101\n")
    found = answer(str(calls), _silent)
    assert found.report.tried is not None
    assert (found.report.tried.rows, found.report.tried.bad_rows) == (31, 1)
    assert any("99/99/2024" in line for line in found.trial_told())


def test_a_large_input_is_not_read_as_a_whole(calls: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(answers, "_TRIED_BYTES", 10)
    found = answer(str(calls), _silent)
    assert (found.report.tried, found.report.refused) == (None, None)
    assert any("not tried" in line for line in found.trial_told())


def test_the_command_writes_the_map_that_the_check_command_takes(calls: Path, tmp_path: Path) -> None:
    written = tmp_path / "map.yaml"
    runner = CliRunner()
    result = runner.invoke(app, ["input", "guess", str(calls), "--output", str(written), "--json"])
    assert result.exit_code == 0
    report = json.loads(result.stdout)
    assert yaml.safe_load(written.read_text()) == report["map"]
    assert {each["certainty"] for each in report["findings"]} <= {"sure", "likely", "not sure"}
    checked = runner.invoke(app, ["input", "check", str(calls), "--input-map", str(written), "--json"])
    assert json.loads(checked.stdout)["records"] == 30


def test_a_map_of_another_hand_is_not_written_over(calls: Path, tmp_path: Path) -> None:
    written = tmp_path / "map.yaml"
    written.write_text("time: iso\n")
    result = CliRunner().invoke(app, ["input", "guess", str(calls), "--output", str(written)])
    assert isinstance(result.exception, UsageError)
    assert written.read_text() == "time: iso\n"
    written.write_text("")
    assert all(
        CliRunner().invoke(app, ["input", "guess", str(calls), "--output", str(written)]).exit_code == 0
        for _ in range(2)
    )


def test_a_map_that_somebody_has_changed_is_not_written_over_unless_forced(calls: Path, tmp_path: Path) -> None:
    written = tmp_path / "map.yaml"
    command = ["input", "guess", str(calls), "--output", str(written)]
    assert CliRunner().invoke(app, command).exit_code == 0
    as_written = written.read_text(encoding="utf-8")
    written.write_text(as_written + "# timezone: mine\n", encoding="utf-8")
    result = CliRunner().invoke(app, command)
    assert isinstance(result.exception, UsageError)
    assert "changed since" in result.exception.message and "--force" in result.exception.fix
    assert written.read_text(encoding="utf-8").endswith("mine\n")
    assert CliRunner().invoke(app, [*command, "--force"]).exit_code == 0
    assert written.read_text(encoding="utf-8") == as_written


def test_a_file_without_times_is_refused_with_what_to_say(tmp_path: Path) -> None:
    path = tmp_path / "calls.csv"
    path.write_text("who,whom\n" + "9165550100,9165550101\n" * 20)
    result = CliRunner().invoke(app, ["input", "guess", str(path)])
    assert isinstance(result.exception, ConfigurationError)
    assert "no column holds" in result.exception.message
    assert "docs/input.md" in result.exception.fix


@pytest.mark.parametrize("arguments", [[], ["asterisk"], ["--json"]])
def test_presets_are_listed_and_printed(arguments: list[str]) -> None:
    result = CliRunner().invoke(app, ["input", "presets", *arguments])
    assert result.exit_code == 0
    assert "Asterisk" in result.stdout
    if arguments == ["asterisk"]:
        assert yaml.safe_load(result.stdout)["columns"]["start"] == 10
