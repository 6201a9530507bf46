"""The layouts of a user's data: rows of a batch turned into records, or into counts to be expanded."""

from __future__ import annotations

from typing import Any, Protocol

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from engines.contract.record import OPERATORS, TYPES
from harness.errors import ConfigurationError
from harness.input import fields
from harness.input.files import Batch
from harness.input.problems import Check
from harness.scenarios.input import ActivityMap, ColumnSection, RecordsMap
from workloads.activity import (
    KINDS,
    Activity,
    Words,
    counties_by_population,
    derive,
    expand,
    number_words,
    operators_by_share,
    phone_numbers,
    whole_counts,
)
from workloads.california import COUNTIES

#: More than this are not prepared: it takes about 200 bytes of memory for each.
MAX_RECORDS = 50_000_000

Arrays = dict[str, NDArray[Any]]


class Layout(Protocol):
    """Knows what the columns of a user's data mean."""

    def wanted(self) -> dict[str, str | int]:
        """Names or numbers of the columns to read, by their keys in the map."""

    def add(self, check: Check, batch: Batch) -> None:
        """Take in the rows of a batch that are good; `check` is told of the others."""

    def records(self) -> Arrays:
        """All records, in no order: see `workloads.activity.expand` for the arrays. None are no arrays, perhaps.

        Raises:
            ConfigurationError: there are too many.
        """


def layout_of(section: RecordsMap | ActivityMap, seed: int) -> Layout:
    """What reads the data that `section` describes; `seed` decides what the data leaves open."""
    return ActivityLayout(section, seed) if isinstance(section, ActivityMap) else RecordsLayout(section, seed)


class RecordsLayout:
    """A row is one call or text."""

    def __init__(self, section: RecordsMap, seed: int) -> None:
        self._section, self._seed = section, seed
        self._parts: list[Arrays] = []
        self._rows = 0
        self._check_names()

    def wanted(self) -> dict[str, str | int]:
        """See `Layout.wanted`."""
        sections = ((key, getattr(self._section.columns, key)) for key in type(self._section.columns).model_fields)
        return {key: each.column for key, each in sections if each and each.column is not None}

    def _check_names(self) -> None:
        """Refuse constants, defaults and meanings that name nothing."""
        columns = self._section.columns
        for key, known, expected in _CATEGORIES:
            section: ColumnSection | None = getattr(columns, key)
            if not section:
                continue
            given = {f"values.{name}": meaning for name, meaning in section.values.items()}
            given |= {each: text for each in ("constant", "default") if (text := getattr(section, each))}
            for place, text in given.items():
                if fields.category(text, known) < 0:
                    raise ConfigurationError(
                        f"input.map.columns.{key}.{place}: found {text!r}; expected {expected}", fix="correct the map"
                    )

    def add(self, check: Check, batch: Batch) -> None:
        """See `Layout.add`."""
        rows = self._rows + np.arange(len(batch.lines), dtype=np.int64)
        self._rows += len(rows)
        if self._rows > MAX_RECORDS:
            raise _too_many(self._rows)
        words = number_words(rows, self._seed)
        found = self._categories(check, batch, derive(words, 0))
        found["source_numbers"] = self._numbers(check, batch, "source", derive(words, 1), found["counties"])
        found["destination_numbers"] = self._numbers(
            check, batch, "destination", derive(words, 2), counties_by_population(derive(words, 3))
        )
        found |= self._times(check, batch, found["types"])
        self._parts.append({name: array[~check.bad] for name, array in found.items()})

    def _categories(self, check: Check, batch: Batch, words: Words) -> Arrays:
        columns = self._section.columns
        shares = {"county": counties_by_population, "operator": operators_by_share}
        found: Arrays = {}
        for key, known, expected in _CATEGORIES:
            section: ColumnSection | None = getattr(columns, key)
            if section is None:
                found[_ARRAYS[key]] = operators_by_share(words)
            elif section.column is None:
                number = fields.category(section.constant or "", known)
                found[_ARRAYS[key]] = np.full(len(batch.lines), number)
            else:
                found[_ARRAYS[key]] = fields.categories(
                    check, key, batch.columns[section.column], section, known, expected, shares.get(key), self._seed
                )
        return found

    def _numbers(
        self, check: Check, batch: Batch, key: str, words: Words, counties: NDArray[np.int64]
    ) -> NDArray[np.int64]:
        column = self._column(batch, key)
        if column is None:
            return phone_numbers(words, counties)
        return fields.subscribers(check, key, column, self._seed)

    def _times(self, check: Check, batch: Batch, types: NDArray[np.int64]) -> Arrays:
        """Event times, and lengths of calls: a text ends when it starts, whatever the data says."""
        end, start, duration = (self._column(batch, key) for key in ("end", "start", "duration"))
        form, unit = self._section.time, self._section.duration_unit
        ends_ms = None if end is None else fields.times_ms(check, "end", end, form)
        starts_ms = None if start is None else fields.times_ms(check, "start", start, form)
        lengths_ms = np.zeros(len(types), dtype=np.int64)
        if duration is not None:
            lengths_ms = fields.durations_ms(check, "duration", duration, unit)
        elif ends_ms is not None and starts_ms is not None:
            lengths_ms = ends_ms - starts_ms
            assert start is not None and end is not None
            check.require(lengths_ms >= 0, _begins_late(start, end))
        lengths_ms = np.where(types == _TEXT, 0, lengths_ms)
        if ends_ms is None:
            assert starts_ms is not None
            ends_ms = starts_ms + lengths_ms
        in_reach = (ends_ms < fields.PAST_MS) & (ends_ms - lengths_ms >= fields.LEAST_MS)
        check.require(
            in_reach,
            lambda _: (
                "duration: found a call that begins or ends out of reach; expected one from 2001-09-09 to 2033-05-17"
            ),
        )
        return {"event_times_ms": ends_ms, "durations_ms": lengths_ms}

    def _column(self, batch: Batch, key: str) -> pa.Array | None:
        section: ColumnSection | None = getattr(self._section.columns, key)
        return batch.columns[section.column] if section and section.column is not None else None

    def records(self) -> Arrays:
        """See `Layout.records`."""
        parts, self._parts = self._parts, []
        return _joined(parts)


class ActivityLayout:
    """A row is a grid cell's counts in an interval."""

    def __init__(self, section: ActivityMap, seed: int) -> None:
        self._section, self._seed = section, seed
        self._parts: list[Arrays] = []

    def wanted(self) -> dict[str, str | int]:
        """See `Layout.wanted`."""
        return dict(self._section.columns)

    def add(self, check: Check, batch: Batch) -> None:
        """See `Layout.add`."""
        wanted = self.wanted()
        square, interval = batch.columns[wanted["square"]], batch.columns[wanted["interval"]]
        found: Arrays = {
            "squares": fields.identifiers(check, "square", square),
            "starts_ms": fields.times_ms(check, "interval", interval, self._section.time),
        }
        ends_ms = found["starts_ms"] + self._section.interval_s * 1000
        check.require(
            ends_ms <= fields.PAST_MS,
            lambda at: f"interval: found {fields.quoted(interval, at)}; expected an interval that ends by 2033-05-17",
        )
        for kind in KINDS:
            found[kind] = fields.amounts(check, kind, batch.columns[wanted[kind]])
        self._parts.append({name: array[~check.bad] for name, array in found.items()})

    def records(self) -> Arrays:
        """See `Layout.records`. Rows are put in the order of time, square and place in the data first."""
        rows, self._parts = _joined(self._parts), []
        if not rows:
            return {}
        order = np.lexsort((rows["squares"], rows["starts_ms"]))
        rows = {name: array[order] for name, array in rows.items()}
        activity = Activity(rows["squares"], rows["starts_ms"], {kind: rows[kind] for kind in KINDS})
        scale = self._section.records_per_unit
        expected = sum(float(amounts.sum()) for amounts in activity.amounts.values()) * scale
        if expected > MAX_RECORDS:
            raise _too_many(round(expected))
        counts = {kind: whole_counts(activity, kind, self._seed, scale) for kind in KINDS}
        if not sum(int(each.sum()) for each in counts.values()):
            return {}
        interval_ms = self._section.interval_s * 1000
        return _joined([expand(activity, kind, each, self._seed, interval_ms) for kind, each in counts.items()])


def _joined(parts: list[Arrays]) -> Arrays:
    return {name: np.concatenate([part[name] for part in parts]) for name in parts[0]} if parts else {}


def _begins_late(start: pa.Array, end: pa.Array) -> Any:
    return lambda at: (
        f"start: found {fields.quoted(start, at)}, after the end, {fields.quoted(end, at)}; expected a time before it"
    )


def _too_many(count: int) -> ConfigurationError:
    return ConfigurationError(
        f"the input holds {count:,} records or more, and at most {MAX_RECORDS:,} can be replayed",
        fix="give fewer files; or, of the layout activity, lower input.map.records_per_unit",
    )


_TEXT = TYPES.index("text")
_ARRAYS = {"county": "counties", "operator": "operators", "type": "types"}
_CATEGORIES: tuple[tuple[str, dict[str, int], str], ...] = (
    ("county", fields.COUNTY_NAMES, f"a county of California, by name or FIPS code, such as {COUNTIES[0].name}"),
    ("operator", fields.OPERATOR_NAMES, f"one of {', '.join(OPERATORS)}"),
    ("type", fields.TYPE_NAMES, f"one of {', '.join(TYPES)}"),
)
