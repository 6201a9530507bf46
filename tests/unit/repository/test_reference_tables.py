"""Tables of the documents have what the code has: keys of sections, jobs and descriptors, settings, queries, limits."""

import re
from collections.abc import Iterator, Mapping
from dataclasses import MISSING, Field, fields
from typing import Any

import annotated_types as bounds
import pytest
from pydantic import BaseModel
from pydantic.fields import FieldInfo

from engines.contract.job import JobSpecification
from engines.contract.queries import QUERIES
from harness.engines.catalogue import all_engines
from harness.engines.engine import Engine
from harness.experiments.scale.run import ScaleOptions
from harness.results.correctness import Answers
from harness.results.shards import ShardResult
from harness.scenarios.contestants import Contestant
from harness.scenarios.disorder import DISORDER_SECTIONS
from harness.scenarios.faults import FaultSection
from harness.scenarios.input import ActivityColumns, ActivityMap, InputSection, RecordColumns, RecordsMap
from harness.scenarios.scenario import Limits, Scenario
from harness.scenarios.sections import SHAPE_SECTIONS, CountySkewSection, HotPartitionSection
from harness.scenarios.surges import SurgeSection
from tests.builders.command_line import commands
from tests.builders.documents import DOCS, names, rows, section

#: What a page says of a default that is no number, word or truth value, by the section's heading and the key.
TOLD_DEFAULTS = {
    ("## Keys", "profile"): "`constant`",
    ("## Keys", "malformed_kinds"): "all",
    ("## Keys", "limits"): "",
    ("#### `ramp`", "duration_s"): "the rest of the measured time",
    # Required of a fault; one that is drawn has neither.
    ("### `faults`", "at_s"): "(required)",
    ("### `faults`", "duration_s"): "the kind's own",
}
#: No time within a run is longer than a day, which the page says once, of the measured time.
DAY_S = 86_400
SECTIONS: dict[str, type[BaseModel]] = {
    "## Keys": Scenario,
    **{f"#### `{kind}`": model for kind, model in SHAPE_SECTIONS.items()},
    "### `surges`": SurgeSection,
    "### `county_skew`": CountySkewSection,
    "### `hot_partition`": HotPartitionSection,
    "### `faults`": FaultSection,
    "### `limits`": Limits,
}


def _fields(heading: str) -> Iterator[tuple[str, FieldInfo]]:
    """The keys of a section that have a row; what a fault or a shape is, is said by the text."""
    for name, field in SECTIONS[heading].model_fields.items():
        if name != "kind":
            yield name, field


def _plain(cell: str) -> str:
    return re.sub(r"(?<=\d),(?=\d)", "", cell)


def _told_default(value: object) -> str:
    """A default as tables tell it."""
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, int | float):
        return f"{value:.15g}"
    if isinstance(value, str):
        return f"`{value}`" if value else "empty"
    return "empty" if value == {} else "none"


@pytest.mark.parametrize("heading", SECTIONS)
def test_every_key_of_a_scenario_is_told_and_no_other(heading: str) -> None:
    told = [names(cells[0])[0] for cells in rows(section("scenarios.md", heading), "key")]
    assert told == [name for name, _ in _fields(heading)]


@pytest.mark.parametrize("heading", SECTIONS)
def test_every_default_of_a_scenario_is_told_whatever_its_type(heading: str) -> None:
    told = {names(cells[0])[0]: cells for cells in rows(section("scenarios.md", heading), "key")}
    for name, field in _fields(heading):
        default = (
            "(required)"
            if field.is_required()
            else _told_default(field.default or None if field.default == {} else field.default)
        )
        if heading == "## Keys" and name == "engines":
            default = f"`[{', '.join(each.name for each in field.default)}]`"
        assert _plain(told[name][2]) == TOLD_DEFAULTS.get((heading, name), default), name


@pytest.mark.parametrize("heading", SECTIONS)
def test_every_limit_of_a_number_is_told(heading: str) -> None:
    told = {names(cells[0])[0]: _plain(cells[3]) for cells in rows(section("scenarios.md", heading), "key")}
    for name, field in _fields(heading):
        whole, is_own = field.annotation in (int, int | None), heading == "## Keys"
        if expected := _limits(field.metadata, whole=whole, tells_a_day=is_own):
            assert told[name].startswith(expected), name


def _limits(metadata: list[Any], *, whole: bool, tells_a_day: bool = True) -> str:
    """A number's limits as tables tell them, that of a day only if that is told; empty if it has none."""
    found = {type(each): each for each in metadata}
    low = _number(found[bounds.Ge].ge if bounds.Ge in found else 1) if bounds.Ge in found or whole else ""
    above = "" if low or bounds.Gt not in found else f"above {_number(found[bounds.Gt].gt)}"
    if not found or not (low or above):
        return ""
    if bounds.Le in found and (tells_a_day or found[bounds.Le].le != DAY_S):
        return f"{low} to {_number(found[bounds.Le].le)}" if low else f"{above}, up to {_number(found[bounds.Le].le)}"
    if bounds.Lt in found:
        return f"{low} to 2^64 - 1" if found[bounds.Lt].lt == 2**64 else f"{low} or more, below {found[bounds.Lt].lt}"
    return f"{low} or more" if low else above


def _number(value: Any) -> str:
    return f"{value:.15g}"


def test_every_key_of_disorder_is_told_with_its_limits_and_no_other() -> None:
    told = {names(cells[0])[0]: _plain(cells[3]) for cells in rows(section("scenarios.md", "### `disorder`"), "key")}
    expected = {}
    for place, model in DISORDER_SECTIONS.items():
        for name, field in model.model_fields.items():
            if f"{place}.{name}" not in DISORDER_SECTIONS:
                key = f"{place}.{name}".removeprefix("disorder.")
                expected[key] = _limits(field.metadata, whole=field.annotation is int)
    assert told.keys() == expected.keys()
    for key, limits in expected.items():
        assert told[key].startswith(limits), key


def test_every_key_of_a_contestant_is_told_and_no_other() -> None:
    table = rows((DOCS / "contestants.md").read_text(encoding="utf-8"), "key")
    assert [name for cells in table for name in names(cells[0])] == list(Contestant.model_fields)


# The user's own records


def test_every_key_of_an_input_is_told_and_no_other() -> None:
    text = (DOCS / "input.md").read_text(encoding="utf-8")
    assert set(re.findall(r"`input\.(\w+)`", text)) == set(InputSection.model_fields)
    both = RecordsMap.model_fields.keys() & ActivityMap.model_fields.keys() - {"layout", "columns"}
    tables = {
        "### Calls and texts: `layout: records`": RecordsMap.model_fields.keys() - both - {"layout"},
        "### Keys of both layouts": both,
    }
    for heading, keys in tables.items():
        told = [name for cells in rows(section("input.md", heading), "key") for name in names(cells[0])]
        assert sorted(told) == sorted(keys), heading
    grid = section("input.md", "### Counts in a grid: `layout: activity`")
    assert set(re.findall(r"^(\w+): ", grid, re.MULTILINE)) == ActivityMap.model_fields.keys() - both - {"columns"}
    (columns,) = re.findall(r"`columns` names other columns: ([^.]*)\.", grid)
    assert names(columns) == list(ActivityColumns.model_fields)
    assert set(RecordColumns.model_fields) <= set(
        re.findall(r"\w+", section("input.md", "### Calls and texts: `layout: records`"))
    )


def test_defaults_of_an_input_are_those_of_the_code() -> None:
    for heading in ("### Calls and texts: `layout: records`", "### Keys of both layouts"):
        for cells in rows(section("input.md", heading), "key"):
            keys = names(cells[0])
            told = cells[1].split(", ") if len(keys) > 1 else [cells[1]]
            for key, default in zip(keys, told, strict=True):
                expected = RecordsMap.model_fields[key].default
                if isinstance(expected, bool | int | str):
                    assert default.strip("`") == _told_default(expected).strip("`"), key


# Engines


def test_every_key_of_a_job_is_told_with_its_default_and_no_other() -> None:
    told = rows(section("architecture.md", "### Job specification"), "key")
    known = {each.name: each for each in fields(JobSpecification)}
    assert sorted(name for cells in told for name in names(cells[0])) == sorted(known)
    for cells in told:
        for name in names(cells[0]):
            assert (f"*`{name}`*" in cells[0]) is _is_optional(known[name]), name
        first = known[names(cells[0])[0]]
        if _is_optional(first):
            assert re.split(r"[:;,]", cells[1])[0].strip("`") == _default_of_job(first).strip("`"), first.name


def _is_optional(field: Field[Any]) -> bool:
    return field.default is not MISSING or field.default_factory is not MISSING


def _default_of_job(field: Field[Any]) -> str:
    if field.default is MISSING:
        return "none"
    return "null" if field.default is None else _told_default(field.default)


def test_a_descriptors_required_keys_are_those_without_a_default() -> None:
    (table,) = (
        found
        for text in (DOCS / "architecture.md").read_text(encoding="utf-8").split("\n\n")
        if (found := rows(text, "key")) and len(found[0]) == 3 and found[0][1] in ("yes", "no")
    )
    required = {names(cells[0])[0]: cells[1] == "yes" for cells in table}
    known = {each.name: not _is_optional(each) for each in fields(Engine)}
    assert required == {
        name: is_required for name, is_required in known.items() if name not in ("directory", "version")
    }


def test_every_engine_is_told_and_no_other() -> None:
    intro = (DOCS / "engines.md").read_text(encoding="utf-8").split("\n## ")[0]
    told = [names(cells[0])[0] for cells in rows(intro, "engine")]
    assert sorted([*told, "synthetic"]) == sorted(each.name for each in all_engines([]))


def test_settings_of_engines_are_told_with_their_defaults() -> None:
    known = {each.name: each.settings for each in all_engines([])}
    for engines, settings, defaults, _why in rows(section("engines.md", "## Settings"), "engine"):
        keys = names(settings)
        told = defaults.split(", ") if ", " in defaults else [defaults] * len(keys)
        for engine in engines.split(", "):
            found = {key: _told_default(known[engine][key]) for key in keys}
            assert {key: _plain(each) for key, each in zip(keys, told, strict=True)} == found, engine


def test_the_queries_of_engines_are_told_and_no_other() -> None:
    text = (DOCS / "queries.md").read_text(encoding="utf-8")
    told = {
        names(cells[0])[0]: (
            int(cells[1]),
            {name: int(value) for name, value in re.findall(r"`(\w+)` (\d+)", cells[3])},
        )
        for cells in rows(text, "query")
    }
    assert told == {query.name: (query.version, query.parameters) for query in QUERIES.values()}
    for name in set(QUERIES) - {"counts"}:
        assert section("queries.md", f"### `{name}`")


def _parameters(cell: str) -> dict[str, int]:
    return {name: int(value) for name, value in re.findall(r"`(\w+)` (\d+)", cell)}


# Results that have pages of their own


@pytest.mark.parametrize(
    ("page", "first", "model"),
    [("queries.md", "field of `answers`", Answers), ("sharding.md", "field of a shard's file", ShardResult)],
)
def test_every_field_of_a_part_of_a_result_is_told_and_no_other(page: str, first: str, model: type[BaseModel]) -> None:
    told = [name for cells in rows((DOCS / page).read_text(encoding="utf-8"), first) for name in names(cells[0])]
    assert sorted(told) == sorted(model.model_fields)


def test_defaults_of_options_in_tables_are_those_of_the_code() -> None:
    told = {names(cells[0])[0]: cells[1] for cells in rows((DOCS / "scale.md").read_text(encoding="utf-8"), "option")}
    options: Mapping[str, list[Any]] = {
        "--rates": ScaleOptions().rates,
        "--partitions": ScaleOptions().partitions,
        "--keys": ScaleOptions().keys,
        "--parallelism": ScaleOptions().parallelism,
    }
    assert told == {name: ",".join(map(str, levels)) for name, levels in options.items()}
    compare = {each.opts[0]: each.default for each in commands()["compare"].params}
    for cells in rows((DOCS / "ci.md").read_text(encoding="utf-8"), "option"):
        assert cells[1] == str(compare[names(cells[0])[0]] or ""), cells[0]
