"""The scenario's section `input`: where a user's own records are, what columns mean, and how fast they are sent."""

from __future__ import annotations

from collections.abc import Mapping
from functools import cache
from typing import Annotated, Any, Literal
from zoneinfo import available_timezones

from pydantic import (
    BeforeValidator,
    Discriminator,
    Field,
    PositiveInt,
    PrivateAttr,
    Tag,
    field_validator,
    model_validator,
)
from pydantic_core import PydanticCustomError

from harness.scenarios.dialect import Dialect
from harness.scenarios.sections import MAX_RATE_RECORDS_PER_S, Section
from harness.scenarios.time_patterns import TimeExpression, explain_pattern, expression

RECORDS, ACTIVITY = "records", "activity"
LAYOUTS = (RECORDS, ACTIVITY)
#: Ways to write times, besides a pattern of `strftime`.
TIME_FORMATS = ("ms", "s", "us", "ns", "iso")
#: What a value means that has its row left out.
LEAVE_OUT = "skip"
MAX_SPEED = 1_000_000
#: More bad rows than this mean that the map is wrong, and not the rows.
MAX_SKIPPED_SHARE = 0.05
_DAY_S = 86_400

#: A column's name in the header, or its number from 1 on.
Name = Annotated[str, Field(min_length=1)] | PositiveInt
#: Columns whose values belong together, with a blank between them: a date and a time of day, say.
Names = Annotated[list[Name], Field(min_length=2, max_length=3)]


class ColumnSection(Section):
    """Where a field's values come from, and what they mean."""

    column: Name | Names | None = None
    constant: str | None = Field(None, min_length=1)
    values: dict[str, str] = Field({}, description="what the data's values mean")
    default: str | None = Field(None, min_length=1, description="for values that are empty or not known")
    by_share: bool = Field(False, description="choose for values that are not known, by a hash of them")

    @field_validator("values", mode="before")
    @classmethod
    def _are_texts(cls, found: object) -> object:
        # YAML takes 06037 without quotes for an octal number: what is no text is not taken for one.
        for each in [*found, *found.values()] if isinstance(found, Mapping) else []:
            if not isinstance(each, str):
                raise ValueError(f"{each!r} is no text: put it in quotes")
        return found

    @model_validator(mode="after")
    def _has_one_source(self) -> ColumnSection:
        if (self.column is None) == (self.constant is None):
            raise ValueError("give either `column` or `constant`")
        if self.constant is not None and len(self.model_fields_set) > 1:
            raise ValueError("a `constant` has no other keys beside it")
        if self.by_share and self.default is not None:
            raise ValueError("`by_share` and `default` exclude each other")
        return self

    @property
    def names(self) -> list[Name]:
        """The columns to read; none of a constant."""
        if self.column is None:
            return []
        return self.column if isinstance(self.column, list) else [self.column]


def _as_section(found: object) -> object:
    if isinstance(found, str | int | list) and not isinstance(found, bool):
        return {"column": found}
    if found is not None and not isinstance(found, Mapping | ColumnSection):
        raise ValueError("give a column's name or number (from 1 on), or a section with `column` or `constant`")
    return found


Column = Annotated[ColumnSection, BeforeValidator(_as_section)]


class RecordColumns(Section):
    """The fields of a record of the layout `records`, and the columns that hold them."""

    end: Column | None = None
    start: Column | None = None
    duration: Column | None = None
    county: Column
    type: Column
    operator: Column | None = None
    source: Column | None = None
    destination: Column | None = None

    @field_validator("end", "start", "duration", "source", "destination")
    @classmethod
    def _is_as_it_stands(cls, column: ColumnSection | None) -> ColumnSection | None:
        if column and (column.column is None or len(column.model_fields_set) > 1):
            raise ValueError("this field takes a column's name or number only")
        return column

    @field_validator("duration", "county", "type", "operator", "source", "destination")
    @classmethod
    def _is_one_column(cls, column: ColumnSection | None) -> ColumnSection | None:
        if column and isinstance(column.column, list):
            raise ValueError("give one column: only `start` and `end` may be in several")
        return column

    @field_validator("type")
    @classmethod
    def _has_no_shares(cls, column: ColumnSection) -> ColumnSection:
        if column.by_share:
            raise ValueError("`by_share` is for `county` and `operator`")
        return column

    @model_validator(mode="after")
    def _tells_the_time(self) -> RecordColumns:
        if not self.end and not self.start:
            raise ValueError("give `end`, or `start`: the time of a record")
        if self.end and self.start and self.duration:
            raise ValueError("give two of `end`, `start` and `duration` at the most: the third follows from them")
        return self


#: The columns of the project's own records.
_OWN_COLUMNS = {
    "end": "EndT",
    "start": "StartT",
    "county": "Location",
    "type": "Type",
    "operator": "Company",
    "source": "SourcePN",
    "destination": "DestPN",
}


@cache
def _time_zones() -> set[str]:
    """Their names, for which the whole database is looked through."""
    return available_timezones()


class _MapSection(Dialect):
    """What both layouts have."""

    time: str = Field(
        "ms", min_length=1, description="how times are written: ms, s, us, ns, iso, or a pattern such as %Y-%m-%d %H:%M"
    )
    timezone: str | None = Field(None, description="of times that have none, such as Europe/Rome; UTC by default")
    ambiguous_times: Literal["earlier", "later", "in_order"] | None = Field(
        None,
        description="how to read times that a clock shows twice, when it is set back: by default, by the order of the "
        "rows, and where these are in no order, they are bad",
    )
    duplicate_files: Literal["refuse", "read"] = Field("refuse", description="whether to read equal files twice")

    _time_expression: TimeExpression | None = PrivateAttr(None)

    @field_validator("time")
    @classmethod
    def _known_format(cls, found: str) -> str:
        if found not in TIME_FORMATS and (problem := explain_pattern(found)):
            raise ValueError(f"{problem}; give {', '.join(TIME_FORMATS)}, or a pattern such as '%d.%m.%Y %H:%M:%S'")
        return found

    @field_validator("timezone")
    @classmethod
    def _known_zone(cls, found: str | None) -> str | None:
        if found is not None and found not in _time_zones():
            raise ValueError("give a name of the IANA time zone database, such as Europe/Rome, or UTC")
        return found

    @model_validator(mode="after")
    def _has_a_zone(self) -> _MapSection:
        if self.ambiguous_times and not self.timezone:
            raise ValueError("`ambiguous_times` is for times of a `timezone`: give that, too")
        return self

    @model_validator(mode="after")
    def _understand_time(self) -> _MapSection:
        if self.time not in TIME_FORMATS:
            self._time_expression = expression(self.time)
        return self

    @property
    def time_expression(self) -> TimeExpression | None:
        """What matches times that are written by a pattern; None of times in one of `TIME_FORMATS`."""
        return self._time_expression


class RecordsMap(_MapSection):
    """The layout `records`: a row is one call or text."""

    layout: Literal["records"] = "records"
    duration_unit: Literal["s", "ms", "us", "ns", "min", "h", "mm:ss", "hh:mm"] = Field(
        "s", description="of numbers; values such as 00:01:05, 1m5s and PT65S are read, whatever it is"
    )
    columns: RecordColumns = RecordColumns.model_validate(_OWN_COLUMNS)


class ActivityColumns(Section):
    """The columns of the layout `activity`; by default, those of Telecom Italia's grid, its country code left out."""

    square: Name = 1
    interval: Name | Names = 2
    sms_in: Name = 4
    sms_out: Name = 5
    call_in: Name = 6
    call_out: Name = 7


class ActivityMap(_MapSection):
    """The layout `activity`: a row is a grid cell's counts in an interval."""

    layout: Literal["activity"]
    header: bool = False
    interval_s: int = Field(600, ge=1, le=_DAY_S, description="length of the intervals")
    records_per_unit: float = Field(1.0, gt=0, le=1_000_000, description="how many records a count of 1 stands for")
    columns: ActivityColumns = ActivityColumns()


def _layout(found: Any) -> str:
    layout = found.get("layout", RECORDS) if isinstance(found, Mapping) else getattr(found, "layout", RECORDS)
    return layout if isinstance(layout, str) else str(layout)


MapSection = Annotated[
    Annotated[RecordsMap, Tag(RECORDS)] | Annotated[ActivityMap, Tag(ACTIVITY)], Discriminator(_layout)
]


class InputSection(Section):
    """A user's own records, in place of those that a seed makes."""

    path: str = Field(min_length=1, description="file, folder, s3://BUCKET/PREFIX or http://host:port/BUCKET/PREFIX")
    map: MapSection = RecordsMap()
    speed: float | None = Field(None, gt=0, le=MAX_SPEED, description="times as fast as it happened")
    rate_records_per_s: int | None = Field(None, ge=1, le=MAX_RATE_RECORDS_PER_S)
    skip_bad_lines: bool | Literal["all"] = Field(
        False, description=f"leave bad rows out: up to {MAX_SKIPPED_SHARE:.0%} of a file's rows, or all of them"
    )

    show_bad_values: bool = Field(
        False,
        description="tell values of bad rows as they stand, in result and report, too, and not their shapes alone",
    )

    @model_validator(mode="after")
    def _has_one_pace(self) -> InputSection:
        if self.speed is not None and self.rate_records_per_s is not None:
            raise PydanticCustomError(
                "exclusive", "`speed` and `rate_records_per_s` exclude each other: give one of them"
            )
        return self


#: Sections by their place in a scenario, as pydantic tells it.
INPUT_SECTIONS: dict[str, type[Section]] = {
    "input": InputSection,
    "input.map": RecordsMap,
    "input.map.records": RecordsMap,
    "input.map.records.columns": RecordColumns,
    "input.map.activity": ActivityMap,
    "input.map.activity.columns": ActivityColumns,
    **{f"input.map.records.columns.{field}": ColumnSection for field in RecordColumns.model_fields},
}

#: Keys that people look for beside `columns`, by the place of that.
HELD_BELOW = {
    "input.map.records": frozenset(RecordColumns.model_fields),
    "input.map.activity": frozenset(ActivityColumns.model_fields),
}
#: What may be done about keys that are required.
MISSING_KEYS = {
    "county": " (without a column of counties, `{column: ANY COLUMN, by_share: true}` chooses them by a hash, and "
    "`{constant: Fresno}` gives all the same)",
    "type": " (if all rows are calls, give `{constant: call}`)",
}
