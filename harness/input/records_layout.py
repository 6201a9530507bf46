"""The layout `records`: a row of a user's data is one call or text."""

from __future__ import annotations

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from engines.contract.record import OPERATORS, TYPES
from harness.errors import ConfigurationError
from harness.input import fields
from harness.input.arrays import Arrays, Parts
from harness.input.batches import Batch
from harness.input.durations import Durations
from harness.input.problems import Check, Say, Show
from harness.input.subscribers import SubscriberReader
from harness.input.tally import Tally
from harness.input.times import LEAST_MS, PAST_MS, Read, Times
from harness.input.values import Numbers, wrong
from harness.scenarios.input import LEAVE_OUT, ColumnSection, Name, RecordsMap
from workloads.activity import Words, counties_by_population, derive, number_words, operators_by_share, phone_numbers
from workloads.california import COUNTIES

_TEXT = TYPES.index("text")
_CATEGORIES: tuple[tuple[str, dict[str, int], str], ...] = (
    ("county", fields.COUNTY_NAMES, f"a county of California, by name or FIPS code, such as {COUNTIES[0].name}"),
    ("operator", fields.OPERATOR_NAMES, f"one of {', '.join(OPERATORS)}"),
    ("type", fields.TYPE_NAMES, f"one of {', '.join(TYPES)}"),
)
_SHARES = {"county": counties_by_population, "operator": operators_by_share}


class RecordsLayout:
    """See `harness.input.layouts.Layout`."""

    def __init__(self, section: RecordsMap, seed: int) -> None:
        self._section, self._seed = section, seed
        self.tally = Tally()
        self._parts = Parts()
        self._rows = 0
        self._check_names()
        nulls = section.null_values
        self._times = Times(
            section.time, section.time_expression, section.timezone, section.ambiguous_times, nulls, self.tally
        )
        self._durations = Durations(section.duration_unit, Numbers(section.decimal, section.thousands), nulls)
        self._subscribers = SubscriberReader(nulls, seed, self.tally)
        self._categories = {
            key: fields.CategoryReader(key, found, known, expected, _SHARES.get(key), nulls, seed)
            for key, known, expected in _CATEGORIES
            if (found := self._of(key)) and found.column is not None
        }

    def _of(self, key: str) -> ColumnSection | None:
        found: ColumnSection | None = getattr(self._section.columns, key)
        return found

    def wanted(self) -> dict[str, Name]:
        """See `Layout.wanted`."""
        wanted: dict[str, Name] = {}
        for key in type(self._section.columns).model_fields:
            section = self._of(key)
            names = section.names if section else []
            wanted |= {key if len(names) == 1 else f"{key}.{place}": name for place, name in enumerate(names, 1)}
        return wanted

    def _check_names(self) -> None:
        """Refuse constants, defaults and meanings that name nothing."""
        for key, known, expected in _CATEGORIES:
            section = self._of(key)
            if not section:
                continue
            given = {f"values.{name}": meaning for name, meaning in section.values.items()}
            given |= {each: text for each in ("constant", "default") if (text := getattr(section, each))}
            for place, text in given.items():
                if fields.category(text, known) < 0 and not (text == LEAVE_OUT and place != "constant"):
                    raise ConfigurationError(
                        f"input.map.columns.{key}.{place}: found {text!r}; expected {expected}, or {LEAVE_OUT}",
                        fix="correct the map",
                    )

    def begin_file(self) -> None:
        """See `Layout.begin_file`."""
        self._times.begin_file()

    def add(self, check: Check, batch: Batch, file: int) -> None:
        """See `Layout.add`."""
        rows = self._rows + np.arange(len(batch.lines), dtype=np.int64)
        self._rows += len(rows)
        words = number_words(rows, self._seed)
        found = self._read_categories(check, batch, derive(words, 0))
        found |= self._read_times(check, batch, found["types"])
        counties = found["counties"]
        found["source_numbers"] = self._read_numbers(check, batch, "source", derive(words, 1), counties)
        there = counties_by_population(derive(words, 3))
        found["destination_numbers"] = self._read_numbers(check, batch, "destination", derive(words, 2), there)
        found |= {"lines": batch.lines, "files": np.full(len(rows), file)}
        self.tally.counties_by_share += int(found["chosen"][check.good].sum())
        self.tally.left_out += int(check.left_out.sum())
        self._parts.add(found, check.good)

    def _read_categories(self, check: Check, batch: Batch, words: Words) -> Arrays:
        read = {key: reader.read(self._column(batch, key), words) for key, reader in self._categories.items()}
        for each in read.values():
            check.left_out |= each.left_out
        none = np.zeros(len(batch.lines), dtype=np.bool_)
        numbers = {
            key: each.judge(check, self._column(batch, key), read[key]) for key, each in self._categories.items()
        }
        for key, known, _ in _CATEGORIES:
            section = self._of(key)
            if section and section.constant:
                numbers[key] = np.full(len(batch.lines), fields.category(section.constant, known))
        if "operator" not in numbers:
            numbers["operator"] = operators_by_share(words)
        elif "operator" in read:
            self.tally.operators_by_share += int(read["operator"].by_share.sum())
        chosen = read["county"].by_share if "county" in read else none
        return {
            "counties": numbers["county"],
            "operators": numbers["operator"],
            "types": numbers["type"],
            "chosen": chosen,
        }

    def _read_numbers(
        self, check: Check, batch: Batch, key: str, words: Words, counties: NDArray[np.int64]
    ) -> NDArray[np.int64]:
        chosen = phone_numbers(words, counties)
        return self._subscribers.read(key, self._column(batch, key), chosen, check.good) if self._of(key) else chosen

    def _column(self, batch: Batch, key: str) -> pa.Array:
        return self._columns(batch, key)[0]

    def _columns(self, batch: Batch, key: str) -> list[pa.Array]:
        section = self._of(key)
        return [batch.columns[name] for name in section.names] if section else []

    def _read_times(self, check: Check, batch: Batch, types: NDArray[np.int64]) -> Arrays:
        """Event times, and lengths of calls: a text ends when it starts, whatever the data says."""
        starts, ends = (self._columns(batch, key) for key in ("start", "end"))
        start = self._times.read(check, "start", starts, batch.file) if starts else None
        end = self._times.read(check, "end", ends, batch.file, begun=start) if ends else None
        lengths_ms = np.zeros(len(types), dtype=np.int64)
        if self._of("duration"):
            lengths_ms = self._durations.read_ms(check, "duration", self._column(batch, "duration"))
        if start and end:
            start, end = self._completed(check, batch, start, end)
            lengths_ms = end.times_ms - start.times_ms
            check.require(
                lengths_ms >= 0, _begins_late(starts, ends, "" if self._section.timezone else _CLOCK_SET_BACK)
            )
        else:
            known = start or end
            assert known is not None
            column = (starts or ends)[0]
            check.require(~known.missing, wrong("start" if start else "end", column, "a time"))
        lengths_ms = np.where(types == _TEXT, 0, lengths_ms)
        ends_ms = end.times_ms if end else _require(start).times_ms + lengths_ms
        in_reach = (ends_ms < PAST_MS) & (ends_ms - lengths_ms >= LEAST_MS)
        check.require(in_reach, lambda _, __: _OUT_OF_REACH)
        return {"event_times_ms": ends_ms, "durations_ms": np.where(in_reach, lengths_ms, 0)}

    def _completed(self, check: Check, batch: Batch, start: Read, end: Read) -> tuple[Read, Read]:
        """Of a call with one time only, that is start and end both: it has no length."""
        neither = start.missing & end.missing
        column = self._columns(batch, "start")[0]
        check.require(~neither, wrong("start", column, "a time, here or as the end"))
        self.tally.lone_ends += int(((start.missing ^ end.missing) & check.good).sum())
        starts_ms = np.where(start.missing, end.times_ms, start.times_ms)
        ends_ms = np.where(end.missing, starts_ms, end.times_ms)
        return Read(starts_ms, neither), Read(ends_ms, neither)

    def records(self) -> Arrays:
        """See `Layout.records`."""
        return self._parts.joined()


def _require(read: Read | None) -> Read:
    assert read is not None
    return read


_OUT_OF_REACH = "duration: found a call that begins or ends out of reach; expected one from 2001-09-09 to 2033-05-17"


_CLOCK_SET_BACK = " (of local times, the clock may have been set back: see input.map.timezone)"


def _begins_late(starts: list[pa.Array], ends: list[pa.Array], hint: str) -> Say:
    def say(at: int, show: Show) -> str:
        begun, ended = (" ".join(show(str(each[at].as_py())) for each in columns) for columns in (starts, ends))
        return f"start: found {begun}, after the end, {ended}; expected a time before it{hint}"

    return say
