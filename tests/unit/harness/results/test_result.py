"""The model of a result: what is saved is whole, can be read again, and obeys the published schema."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import jsonschema
import pytest
from pydantic import ValidationError
from pydantic_core import PydanticSerializationError

from harness.commands.common import load_run
from harness.errors import UsageError
from harness.results.result import load_figures, load_result, save_result
from reports.schema import MODELS, schema_path, schema_text
from tests.builders.documents import rows, section
from tests.builders.results import make_engine, make_result


def test_a_saved_result_reads_back_the_same(tmp_path: Path) -> None:
    result = make_result()
    path = save_result(result, tmp_path)
    assert path == tmp_path / "result.json"
    assert load_result(path) == load_result(tmp_path) == result
    assert list(tmp_path.iterdir()) == [path]


def test_no_result_appears_when_serialisation_fails(tmp_path: Path) -> None:
    unserialisable = make_engine("flink", 18).model_copy(update={"config": {"handle": object()}})
    with pytest.raises(PydanticSerializationError):
        save_result(make_result(engines=[unserialisable]), tmp_path)
    assert not (tmp_path / "result.json").exists()


def test_a_failed_save_leaves_the_earlier_result_alone(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    earlier = make_result()
    save_result(earlier, tmp_path)

    def full_disk(_file: int) -> None:
        raise OSError("no space left on device")

    monkeypatch.setattr("harness.results.part.os.fsync", full_disk)
    with pytest.raises(OSError, match="no space left"):
        save_result(make_result(invalid_reasons=["late"]), tmp_path)
    assert load_result(tmp_path) == earlier
    assert [each.name for each in tmp_path.iterdir()] == ["result.json"]


def test_an_unknown_field_is_refused(tmp_path: Path) -> None:
    path = save_result(make_result(), tmp_path)
    path.write_text(json.dumps(json.loads(path.read_text()) | {"winner": "flink"}))
    with pytest.raises(ValidationError, match="winner"):
        load_result(path)


@pytest.mark.parametrize("version", [1, 3, "2"])
def test_another_version_is_refused(tmp_path: Path, version: object) -> None:
    path = save_result(make_result(), tmp_path)
    path.write_text(json.dumps(json.loads(path.read_text()) | {"schema_version": version}))
    with pytest.raises(ValidationError, match="schema_version"):
        load_result(path)


@pytest.mark.parametrize("name", MODELS)
def test_a_published_schema_is_the_generated_one(name: str) -> None:
    assert schema_path(name).read_text(encoding="utf-8") == schema_text(name), "run: python -m reports.schema"


def test_every_published_schema_is_linked_and_no_other() -> None:
    table = rows(section("architecture.md", "### Results"), "file")
    linked = {link for cells in table for link in re.findall(r"\]\((\S+\.schema\.json)\)", cells[3])}
    assert linked == {path.name for path in schema_path().parent.glob("*.schema.json")}
    assert linked == {schema_path(name).name for name in MODELS}


def test_results_obey_the_published_schema() -> None:
    schema = json.loads(schema_path().read_text(encoding="utf-8"))
    jsonschema.Draft202012Validator.check_schema(schema)
    validator = jsonschema.Draft202012Validator(schema)
    document = json.loads(make_result().model_dump_json())
    validator.validate(document)
    assert not validator.is_valid(document | {"valid": "perhaps"})
    assert not validator.is_valid(document | {"winner": "flink"})


HOSTILE = {
    "deep": ('{"run_id": ' + "[" * 150 + "]" * 150 + "}", r"run_id\.0\.0.*: nested deeper than 32"),
    "deeper than the parser goes": ('{"run_id": ' + "[" * 100_000, "nested deeper than 32: recursion limit"),
    "many items": ('{"engines": [' + "0," * 600_000 + "0]}", "engines: more than 500,000 items"),
    "many wrong items": ('{"engines": [' + "0," * 20_000 + "0]}", "20,0.. values are wrong"),
    "many values": ("[" + "[]," * 5_000_000 + "0]", "more than 8,000,000 values"),
    "no number": ('{"valid": NaN}', "valid: a number beyond"),
    "a number without end": ('{"engines": [1e999]}', r"engines\.0: a number beyond"),
    "a number of 400 digits": ('{"engines": [' + "9" * 400 + "]}", r"engines\.0: a number beyond 9,223,372,036"),
    "a number of 5,000 digits": ('{"engines": [' + "9" * 5000 + "]}", "the file: Invalid JSON: number out of range"),
    "no text": ("\udcff", "the file: Invalid JSON"),
}


@pytest.mark.parametrize(("text", "words"), HOSTILE.values(), ids=HOSTILE)
def test_what_no_result_can_hold_is_refused_with_key_and_limit(tmp_path: Path, text: str, words: str) -> None:
    (tmp_path / "result.json").write_bytes(text.encode("utf-8", "surrogateescape"))
    with pytest.raises(UsageError, match=f"{tmp_path}: no result of this version: {words}"):
        load_run(tmp_path)


def test_figures_are_read_without_the_series_of_trials(tmp_path: Path) -> None:
    whole = make_result()
    path = save_result(whole, tmp_path)
    found = load_figures(path)
    assert all(trial.series for engine in whole.engines for trial in engine.trials)
    assert not any(trial.series for engine in found.engines for trial in engine.trials)
    assert load_result(path) == whole
    series = {"engines": {"__all__": {"trials": {"__all__": {"series"}}}}}
    assert found.model_dump(exclude=series) == whole.model_dump(exclude=series)


@pytest.mark.parametrize("changes", [{"engines": 3}, {"engines": [3, {"trials": {}}]}, {"engines": [{"trials": [3]}]}])
def test_figures_of_what_is_no_result_are_refused(tmp_path: Path, changes: dict[str, Any]) -> None:
    path = tmp_path / "result.json"
    path.write_text(json.dumps(make_result().model_dump(mode="json") | changes), encoding="utf-8")
    with pytest.raises(ValidationError):
        load_figures(path)


def test_a_file_larger_than_any_result_is_not_read(tmp_path: Path) -> None:
    with (tmp_path / "result.json").open("wb") as file:
        file.truncate(10 << 30)
    with pytest.raises(UsageError, match="more than 268,435,456 bytes"):
        load_run(tmp_path)
