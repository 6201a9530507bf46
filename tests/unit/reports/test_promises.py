"""What engines promised stands side by side, and where they differ is said."""

from engines.contract.promises import Promises
from harness.results.result import EngineResult
from reports.sections.promises import LABELS, NOT_TOLD, promises_section
from tests.builders.results import changed, make_engine, make_result


def _engine(name: str, **promises: str) -> EngineResult:
    told = {
        "delivery": "once",
        "checkpoints": "every 5000 ms",
        "state_kept": "10 s",
        "upserts_joined": "20 ms",
    } | promises
    config = {"parallelism": 2, **Promises(**told).as_config()}
    engine = make_engine(name, 18)
    trials = [trial.model_copy(update={"engine_cpus": [0, 1]}) for trial in engine.trials]
    return changed(engine, config=config, trials=trials)


def test_there_is_a_row_for_each_promise_and_one_for_cores() -> None:
    assert list(LABELS) == list(Promises.__dataclass_fields__)
    section = promises_section(make_result(engines=[_engine("flink"), _engine("spark", heap="2g")]))
    assert section
    rows = {label: cells for label, *cells in section.tables[0].rows}
    assert rows[LABELS["heap"]] == ["none", "2g"]
    assert rows["cores"] == ["2", "2"]


def test_rows_in_which_engines_differ_are_named_and_no_others() -> None:
    alike = promises_section(make_result(engines=[_engine("flink"), _engine("spark")]))
    other = promises_section(make_result(engines=[_engine("flink"), _engine("spark", checkpoints="never")]))
    assert alike and alike.warnings == ()
    assert other and [LABELS[key] in other.warnings[0] for key in LABELS] == [key == "checkpoints" for key in LABELS]


def test_an_engine_that_tells_nothing_promises_nothing_known() -> None:
    silent = make_engine("mine", 18)
    assert promises_section(make_result(engines=[silent])) is None
    section = promises_section(make_result(engines=[_engine("flink"), silent]))
    assert section
    assert {cells[1] for _, *cells in section.tables[0].rows} == {NOT_TOLD}
    assert all(label in section.warnings[0] for label in LABELS.values())


def test_a_promise_that_is_no_text_is_shown_as_one() -> None:
    odd = changed(make_engine("mine", 18), config={"promises": {"delivery": None, "heap": 3}})
    section = promises_section(make_result(engines=[odd]))
    assert section
    assert dict(zip(LABELS.values(), [row[1] for row in section.tables[0].rows], strict=False))[LABELS["heap"]] == "3"
