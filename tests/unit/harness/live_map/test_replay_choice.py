"""What `ringbench view` shows of a run, and what it says where that cannot be shown."""

import io
from pathlib import Path
from typing import Any

import pytest
import typer
from rich.console import Console

import harness.commands.view
import harness.live_map.viewer_process
from harness.cli import app
from harness.console.redaction import redact
from harness.errors import UsageError
from harness.measurement.recording import SUFFIX, Recorder
from harness.results.result import EngineResult, save_result
from tests.builders.results import make_engine, make_engine_of, make_result

RUN = "20260101T000000-abc123"
REDIS = "redis://127.0.0.1:6379/0"


def engine(name: str, trials: int = 1, *, recorded: bool = True) -> EngineResult:
    """An engine whose trials name their recordings."""
    found = make_engine(name, 20, trials=trials).trials
    labels = [name if trials == 1 else f"{name}-{each.block}" for each in found]
    names = [f"{label}{SUFFIX}" if recorded else None for label in labels]
    return make_engine_of(
        name, [each.model_copy(update={"recording": file}) for each, file in zip(found, names, strict=True)]
    )


def save_run(directory: Path, engines: list[EngineResult]) -> Path:
    """A run in `directory`, with a recording wherever its result names one. Returns its directory."""
    run = directory / "runs" / RUN
    run.mkdir(parents=True)
    save_result(make_result(engines=engines), run)
    for each in engines:
        for trial in each.trials:
            if trial.recording:
                with Recorder(run / trial.recording, 1000) as recorder:
                    recorder.add([(1005, b"a=1")])
    return run


@pytest.fixture(autouse=True)
def elsewhere(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Run in a directory of its own, without the user's settings."""
    monkeypatch.chdir(tmp_path)
    for name in ("RINGBENCH_REDIS", "RINGBENCH_RUNS_DIR", "RINGBENCH_VIEW_TOKEN"):
        monkeypatch.delenv(name, raising=False)


def view(monkeypatch: pytest.MonkeyPatch, *arguments: str) -> dict[str, Any]:
    """What the viewer would be told."""
    told: list[dict[str, Any]] = []
    monkeypatch.setattr(harness.live_map.viewer_process, "keep_viewing", lambda _tell, **job: told.append(job))
    command: Any = typer.main.get_command(app)
    command.main(["view", *arguments], standalone_mode=False)
    (job,) = told
    return job


def shown(job: dict[str, Any]) -> list[tuple[str, str]]:
    """Names and files of what is replayed."""
    return [(each["name"], Path(each["path"]).name) for each in job["replay"]["recordings"]]


def refusal(monkeypatch: pytest.MonkeyPatch, *arguments: str) -> str:
    """What a user is told of these arguments: what is wrong, and the fix."""
    with pytest.raises(UsageError) as raised:
        view(monkeypatch, *arguments)
    assert raised.value.exit_code == 2 and raised.value.fix
    return str(raised.value)


@pytest.mark.parametrize(
    ("is_terminal", "ending"), [(True, "/?token=hush%2F1"), (False, "/?token=$RINGBENCH_VIEW_TOKEN")]
)
def test_a_terminal_is_shown_the_token_and_nothing_else_is(
    monkeypatch: pytest.MonkeyPatch, is_terminal: bool, ending: str
) -> None:
    console = Console(file=io.StringIO(), force_terminal=is_terminal, width=200)
    monkeypatch.setattr(harness.commands.view, "console", console)
    monkeypatch.setenv("RINGBENCH_VIEW_TOKEN", "hush/1")
    monkeypatch.setattr(
        harness.live_map.viewer_process, "keep_viewing", lambda tell, **_job: tell("http://127.0.0.1:7/")
    )
    command: Any = typer.main.get_command(app)
    command.main(["view", "--redis", REDIS], standalone_mode=False)
    assert isinstance(console.file, io.StringIO)
    assert f"http://127.0.0.1:7{ending}" in console.file.getvalue()
    assert redact("hush/1") == "***"


def test_a_token_in_the_address_of_a_map_to_load_is_refused() -> None:
    command: Any = typer.main.get_command(app)
    with pytest.raises(UsageError, match="every user of this machine can see it") as raised:
        command.main(["loadtest", "--url", "http://127.0.0.1:1/?token=hush-2"], standalone_mode=False)
    assert "RINGBENCH_VIEW_TOKEN" in str(raised.value.fix)
    assert "hush-2" not in raised.value.message


# What is shown


@pytest.mark.parametrize(
    ("there", "wanted"),
    [
        (["spark", "flink", "baseline"], ["spark", "flink"]),
        (["baseline", "flink", "spark", "mine"], ["flink", "spark"]),
        (["baseline", "flink"], ["flink", "baseline"]),
        (["baseline"], ["baseline"]),
        (["flink"], ["flink"]),
    ],
)
def test_by_default_two_are_shown_that_are_not_the_baseline_or_what_there_is(
    there: list[str], wanted: list[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    run = save_run(tmp_path, [engine(name) for name in there])
    job = view(monkeypatch, "--run", RUN)
    assert shown(job) == [(name, f"{name}{SUFFIX}") for name in wanted]
    assert all(Path(each["path"]).parent == run.resolve() for each in job["replay"]["recordings"])
    assert job["replay"]["speed"] == 5
    assert job["title"] == make_result().run_id
    assert "redis_url" not in job


def test_engines_are_shown_in_the_order_that_is_asked_for(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    save_run(tmp_path, [engine(name) for name in ("spark", "flink", "baseline")])
    pair = view(monkeypatch, "--run", RUN, "--engine", "baseline", "--engine", "spark")
    assert [name for name, _ in shown(pair)] == ["baseline", "spark"]
    assert shown(view(monkeypatch, "--run", RUN, "--engine", "flink", "--speed", "20")) == [("flink", f"flink{SUFFIX}")]


def test_a_later_trial_is_named_as_what_it_is(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    # An engine may be called as another one's second trial is.
    save_run(tmp_path, [engine(name, trials=2) for name in ("flink", "flink-2")])
    assert shown(view(monkeypatch, "--run", RUN, "--trial", "2")) == [
        ("flink, trial 2", f"flink-2{SUFFIX}"),
        ("flink-2, trial 2", f"flink-2-2{SUFFIX}"),
    ]


def test_an_engine_without_a_recording_is_left_out_by_default(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    save_run(tmp_path, [engine("spark", recorded=False), engine("flink"), engine("baseline")])
    assert [name for name, _ in shown(view(monkeypatch, "--run", RUN))] == ["flink", "baseline"]


@pytest.mark.parametrize("where", ["id", "directory", "runs-dir"])
def test_a_run_is_found_by_its_id_and_by_its_directory(
    where: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    run = save_run(tmp_path, [engine("flink")])
    if where == "runs-dir":
        run.parent.rename(tmp_path / "kept")
    arguments = {"id": [RUN], "directory": [str(run)], "runs-dir": [RUN, "--runs-dir", "kept"]}
    assert shown(view(monkeypatch, "--run", *arguments[where])) == [("flink", f"flink{SUFFIX}")]


def test_a_redis_of_the_environment_keeps_no_run_from_being_shown(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    save_run(tmp_path, [engine("flink")])
    monkeypatch.setenv("RINGBENCH_REDIS", REDIS)
    assert "replay" in view(monkeypatch, "--run", RUN)
    assert view(monkeypatch)["redis_url"] == REDIS
    assert view(monkeypatch, "--redis", "redis://elsewhere")["redis_url"] == "redis://elsewhere"


def test_a_recording_that_was_cut_off_is_shown_and_said_to_be(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    path = save_run(tmp_path, [engine("flink")]) / f"flink{SUFFIX}"
    path.write_bytes(path.read_bytes()[:-4])
    assert shown(view(monkeypatch, "--run", RUN)) == [("flink", path.name)]
    assert "was cut off" in capsys.readouterr().err


def test_a_result_cannot_lead_out_of_its_directory(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    trial = engine("flink").trials[0].model_copy(update={"recording": f"../../flink{SUFFIX}"})
    run = save_run(tmp_path, [make_engine_of("flink", [trial])])
    assert (tmp_path / f"flink{SUFFIX}").exists() and not (run / f"flink{SUFFIX}").exists()
    assert str(run) in refusal(monkeypatch, "--run", str(run))


# What cannot be shown


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        ((), ("nothing to show", "--run RUN", "--redis URL")),
        (("--run", RUN, "--redis", REDIS), ("--run and --redis exclude each other",)),
        (("--run", RUN, "--namespace", "cdr:x"), ("--run and --namespace exclude each other",)),
        (("--redis", REDIS, "--engine", "flink"), ("--engine", "no --run", "give --run RUN")),
        (("--redis", REDIS, "--speed", "2"), ("--speed", "no --run")),
        (("--run", "yesterday"), ("--run yesterday", "no such run", RUN)),
        (("--run", RUN, "--engine", "flnik"), ("no engine 'flnik'", "spark, flink, baseline")),
        (("--run", RUN, *("--engine", "flink") * 2), ("flink, flink", "two different ones", "spark, flink, baseline")),
        (
            ("--run", RUN, "--engine", "spark", "--engine", "flink", "--engine", "baseline"),
            ("spark, flink, baseline", "one or two"),
        ),
        (("--run", RUN, "--trial", "3"), ("--trial 3", "spark has no such trial", "--trial 1 to 2")),
        (("--run", RUN, "--trial", "0"), ("--trial 0", "no such trial", "--trial 1 to 2")),
        (("--run", RUN, "--speed", "21"), ("--speed 21", "1 to 20")),
        (("--run", RUN, "--speed", "0.5"), ("--speed 0.5", "1 to 20")),
        (("--run", RUN, "--speed", "nan"), ("--speed nan", "1 to 20")),
        (("--run", RUN, "--host", "0.0.0.0"), ("0.0.0.0", "RINGBENCH_VIEW_TOKEN")),  # noqa: S104
    ],
    ids=str,
)
def test_what_is_wrong_is_said_with_the_way_out(
    arguments: tuple[str, ...], words: tuple[str, ...], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    save_run(tmp_path, [engine(name, trials=2) for name in ("spark", "flink", "baseline")])
    message = refusal(monkeypatch, *arguments)
    assert [word for word in words if word not in message] == []


def test_without_any_run_that_is_said(monkeypatch: pytest.MonkeyPatch) -> None:
    assert "runs has none" in refusal(monkeypatch, "--run", RUN)


def test_a_run_of_an_older_version_has_no_recordings(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    save_run(tmp_path, [engine("spark", recorded=False), engine("flink", recorded=False)])
    message = refusal(monkeypatch, "--run", RUN)
    assert "holds no recordings" in message and "older version" in message and "make a run" in message


def test_an_engine_without_a_recording_is_named_and_what_has_one(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    save_run(tmp_path, [engine("spark", trials=2, recorded=False), engine("flink", trials=2)])
    message = refusal(monkeypatch, "--run", RUN, "--engine", "spark")
    assert "trial 1 of spark has no recording" in message and "flink (trial 1, 2)" in message


@pytest.mark.parametrize("damage", ["absent", "text", "headless", "flipped"])
def test_a_recording_that_cannot_be_read_is_named(damage: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = save_run(tmp_path, [engine("flink"), engine("spark")]) / f"spark{SUFFIX}"
    whole = path.read_bytes()
    if damage == "absent":
        path.unlink()
    else:
        path.write_bytes({"text": b"1000 a=1\n", "headless": whole[20:], "flipped": whole[:-8] + bytes(8)}[damage])
    message = refusal(monkeypatch, "--run", RUN)
    assert str(path.relative_to(tmp_path)) in message and "another engine" in message


def test_a_result_that_is_none_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    run = save_run(tmp_path, [engine("flink")])
    (run / "result.json").write_text("{}", encoding="utf-8")
    assert "no result of this version" in refusal(monkeypatch, "--run", RUN)
