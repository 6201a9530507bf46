"""The layouts of a user's data: rows of a batch turned into records, or into counts to be expanded."""

from __future__ import annotations

from typing import Protocol

import numpy as np

from harness.errors import ConfigurationError
from harness.input import fields
from harness.input.arrays import MAX_RECORDS, Arrays, Parts, joined, too_many
from harness.input.batches import Batch
from harness.input.problems import Check
from harness.input.records_layout import RecordsLayout
from harness.input.tally import Tally
from harness.input.times import PAST_MS, Times
from harness.input.values import Numbers, wrong
from harness.scenarios.input import ActivityMap, Name, RecordsMap
from workloads.activity import KINDS, Activity, expand, whole_counts

_S_PER_MS = 0.001


class Layout(Protocol):
    """Knows what the columns of a user's data mean.

    Attributes:
        tally: counts what was chosen, assumed or left out.
    """

    tally: Tally

    def wanted(self) -> dict[str, Name]:
        """Names or numbers of the columns to read, by their keys in the map."""

    def begin_file(self) -> None:
        """What follows is of another file."""

    def add(self, check: Check, batch: Batch, file: int) -> None:
        """Take in the rows of a batch of the file with this number that are good; `check` is told of the others.

        Raises:
            ConfigurationError: there are too many; or the batch has a column that cannot be what the map says.
        """

    def records(self) -> Arrays:
        """All records, in no order: see `workloads.activity.expand` for the arrays. None are no arrays, perhaps.

        Beside these, ``chosen`` says whose county was chosen by a hash; and ``files`` and ``lines``, where they can be
        told, the numbers of the records' files and their lines in them.

        Raises:
            ConfigurationError: there are too many, or intervals do not fit.
        """


def layout_of(section: RecordsMap | ActivityMap, seed: int) -> Layout:
    """What reads the data that `section` describes; `seed` decides what the data leaves open."""
    return ActivityLayout(section, seed) if isinstance(section, ActivityMap) else RecordsLayout(section, seed)


class ActivityLayout:
    """A row is a grid cell's counts in an interval."""

    def __init__(self, section: ActivityMap, seed: int) -> None:
        self._section, self._seed = section, seed
        self.tally = Tally()
        self._parts = Parts()
        nulls = section.null_values
        self._times = Times(
            section.time, section.time_expression, section.timezone, section.ambiguous_times, nulls, self.tally
        )
        self._numbers = Numbers(section.decimal, section.thousands)

    def _intervals(self) -> list[Name]:
        interval = self._section.columns.interval
        return interval if isinstance(interval, list) else [interval]

    def wanted(self) -> dict[str, Name]:
        """See `Layout.wanted`."""
        wanted: dict[str, Name] = {key: name for key, name in self._section.columns if not isinstance(name, list)}
        names = self._intervals() if len(self._intervals()) > 1 else []
        return wanted | {f"interval.{place}": name for place, name in enumerate(names, 1)}

    def begin_file(self) -> None:
        """See `Layout.begin_file`."""
        self._times.begin_file()

    def add(self, check: Check, batch: Batch, file: int) -> None:  # noqa: ARG002 - what rows become has no lines
        """See `Layout.add`."""
        columns = self._section.columns
        intervals = [batch.columns[each] for each in self._intervals()]
        starts = self._times.read(check, "interval", intervals, batch.file)
        check.require(~starts.missing, wrong("interval", intervals[0], "a time"))
        found: Arrays = {
            "squares": fields.identifiers(check, "square", batch.columns[columns.square]),
            "starts_ms": starts.times_ms,
        }
        ends_ms = found["starts_ms"] + self._section.interval_s * 1000
        check.require(
            ends_ms <= PAST_MS,
            wrong("interval", intervals[0], "an interval that ends by 2033-05-17"),
        )
        for kind in KINDS:
            column = batch.columns[getattr(columns, kind)]
            found[kind] = fields.amounts(check, kind, column, self._numbers, self._section.null_values)
        self._parts.add(found, check.good)

    def records(self) -> Arrays:
        """See `Layout.records`. Rows are put in the order of time, square and place in the data first."""
        rows = self._parts.joined()
        if not rows:
            return {}
        self._check_interval(np.unique(rows["starts_ms"]))
        order = np.lexsort((rows["squares"], rows["starts_ms"]))
        rows = {name: array[order] for name, array in rows.items()}
        activity = Activity(rows["squares"], rows["starts_ms"], {kind: rows[kind] for kind in KINDS})
        scale = self._section.records_per_unit
        expected = sum(float(amounts.sum()) for amounts in activity.amounts.values()) * scale
        if expected > MAX_RECORDS:
            raise too_many(round(expected))
        counts = {kind: whole_counts(activity, kind, self._seed, scale) for kind in KINDS}
        if not sum(int(each.sum()) for each in counts.values()):
            return {}
        interval_ms = self._section.interval_s * 1000
        found = joined([expand(activity, kind, each, self._seed, interval_ms) for kind, each in counts.items()])
        return found | {"chosen": np.ones(len(found["counties"]), dtype=np.bool_)}

    def _check_interval(self, starts_ms: np.ndarray[tuple[int], np.dtype[np.int64]]) -> None:
        """Hold the intervals' length against the smallest step of their starts.

        Intervals that no row has make steps longer: a step of several intervals is right, if the map gives the length.
        """
        if len(starts_ms) < 2:
            return
        step_s = int(np.diff(starts_ms).min()) * _S_PER_MS
        given_s = self._section.interval_s
        is_given = "interval_s" in self._section.model_fields_set
        if step_s == given_s or (is_given and step_s > given_s and step_s % given_s == 0):
            return
        raise ConfigurationError(
            f"input.map.interval_s is {given_s}{'' if is_given else ', by default'}, and the data's intervals begin "
            f"{step_s:,.10g} s apart",
            fix=f"set input.map.interval_s to {step_s:.10g}, if that is how long they are",
        )
