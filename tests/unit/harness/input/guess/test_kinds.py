"""The same calls in forms that other systems leave behind: the map that is guessed gives them back."""

import json
import random
import tempfile
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import cached_property
from pathlib import Path
from typing import Any

import pytest

from harness.input.dump import lines
from harness.input.guess import sample
from harness.input.guess.findings import Certainty
from harness.input.guess.guess import Guess, guess_map
from harness.input.guess.sample import take_sample
from harness.input.guess.trial import try_and_mend
from harness.input.reading import read_input
from harness.scenarios.input import InputSection

START = datetime(2024, 3, 14, 9, 5, 1, tzinfo=UTC)
LENGTHS_S = (0, 4, 17, 42, 65, 130, 611)


@dataclass(frozen=True)
class Call:
    """A call, or a text, which has no length."""

    number: int
    start: datetime
    length_s: int
    kind: str
    source: str
    destination: str

    @cached_property
    def end(self) -> datetime:
        """When it ended."""
        return self.start + timedelta(seconds=self.length_s)

    @property
    def epoch_s(self) -> int:
        """When it began, in seconds since the epoch."""
        return int(self.start.timestamp())

    @property
    def record(self) -> list[Any]:
        """What is to be read."""
        length_s = self.length_s if self.kind == "call" else 0
        return [(self.epoch_s + length_s) * 1000, length_s * 1000, self.kind]


def make_calls(step_s: int, *, texts: bool = False) -> list[Call]:
    """Sixty calls, in order; the fourth in ten days from the first on if `step_s` is some hours."""
    chance = random.Random(7)
    found, now = [], START
    for number in range(60):
        now += timedelta(seconds=chance.randint(1, step_s))
        kind = "text" if texts and chance.random() < 0.3 else "call"
        length_s = 0 if kind == "text" else chance.choice(LENGTHS_S)
        numbers = [f"{chance.randint(200, 999)}555{chance.randint(0, 9999):04d}" for _ in range(2)]
        found.append(Call(number, now, length_s, kind, *numbers))
    return found


@dataclass(frozen=True)
class Form:
    """How a system writes calls."""

    header: str
    row: Callable[[Call], str]
    step_s: int = 37
    texts: bool = False
    encoding: str = "utf-8"
    before: Sequence[str] = ()


def _clock(call: Call) -> str:
    return f"{call.length_s // 3600:02d}:{call.length_s // 60 % 60:02d}:{call.length_s % 60:02d}"


FORMS = {
    "asterisk_from_a_database": Form(
        "calldate,clid,src,dst,channel,lastdata,duration,billsec,disposition,uniqueid",
        lambda c: (
            f'{c.start:%Y-%m-%d %H:%M:%S},"""X"" <{c.source}>",{c.source},{c.destination},SIP/1,"SIP/1,30",'
            f"{c.length_s},{max(0, c.length_s - 3)},ANSWERED,{c.epoch_s}.{c.number}"
        ),
    ),
    "freeswitch_with_stamps_and_epochs": Form(
        "caller_id_number,destination_number,start_stamp,answer_stamp,end_stamp,start_epoch,answer_epoch,end_epoch,uuid",
        lambda c: (
            f"{c.source},{c.destination},{c.start:%Y-%m-%d %H:%M:%S},,{c.end:%Y-%m-%d %H:%M:%S},{c.epoch_s},0,"
            f"{c.epoch_s + c.length_s},u{c.number}"
        ),
    ),
    "italian_spreadsheet": Form(
        "Data;Ora;Durata;Chiamante;Chiamato;Provincia",
        lambda c: (
            f"{c.start:%d/%m/%Y;%H:%M:%S};{c.length_s // 60:02d}:{c.length_s % 60:02d};{c.source};{c.destination};MI"
        ),
        step_s=20_000,
    ),
    "french_spreadsheet_in_latin_1": Form(
        "Début;Durée;Appelant;Appelé",
        lambda c: f"{c.start:%d/%m/%Y %H:%M:%S};{c.length_s},0;{c.source};{c.destination}",
        step_s=20_000,
        encoding="latin-1",
    ),
    "spanish_with_short_years": Form(
        "FECHA;HORA;ORIGEN;DESTINO;DURACION",
        lambda c: f"{c.start:%d-%m-%y;%H:%M:%S};{c.source};{c.destination};{c.length_s}",
        step_s=20_000,
    ),
    "american_with_twelve_hours": Form(
        "Start,End,Caller,Called",
        lambda c: f"{c.start:%m/%d/%Y %I:%M:%S %p},{c.end:%m/%d/%Y %I:%M:%S %p},{c.source},{c.destination}",
    ),
    "data_frame_with_its_index": Form(
        ",start,length,caller,callee",
        lambda c: f"{c.number},{c.start:%Y-%m-%d %H:%M:%S},0 days {_clock(c)},{c.source},{c.destination}",
    ),
    "mobile_switch": Form(
        "RECORD_TYPE\tSTART_TIME\tDURATION\tA_NUMBER\tB_NUMBER\tIMSI\tCELL_ID\tLAC",
        lambda c: (
            f"{'MOC' if c.kind == 'call' else 'SMS-MO'}\t{c.epoch_s * 1000}\t{c.length_s}\t1{c.source}"
            f"\t1{c.destination}\t310260000{c.number:06d}\t{100 + c.number % 7}\t7"
        ),
        texts=True,
    ),
    "postgres_with_a_time_of_insertion": Form(
        "id,started_at,ended_at,caller_number,callee_number,created_at",
        lambda c: (
            f"{c.number},{c.start:%Y-%m-%d %H:%M:%S}+00,{c.end:%Y-%m-%d %H:%M:%S}+00,{c.source},{c.destination},"
            f"{c.end + timedelta(seconds=90):%Y-%m-%d %H:%M:%S.5}+00"
        ),
    ),
    "report_with_a_title": Form(
        "Start;Seconds;From;To",
        lambda c: f"{c.start:%d.%m.%Y %H:%M:%S};{c.length_s};{c.source};{c.destination}",
        before=["Call report;;;", "Generated 2024-03-15;;;", ""],
    ),
    "comments_at_the_beginning": Form(
        "when,talk_time_s,calling,called",
        lambda c: f"{c.start:%Y-%m-%dT%H:%M:%S},{c.length_s},{c.source},{c.destination}",
        before=["# exported by hand", "# 2024-03-15"],
    ),
    "single_quotes": Form(
        "'start','secs','who','whom'",
        lambda c: f"'{c.start:%Y-%m-%d %H:%M:%S}','{c.length_s}','{c.source}','{c.destination}'",
    ),
    "utf_16_with_tabs": Form(
        "Beginn\tDauer\tvon\tnach",
        lambda c: f"{c.start:%d.%m.%Y %H:%M:%S}\t{c.length_s}\t{c.source}\t{c.destination}",
        encoding="utf-16",
    ),
    "compact_date_and_time_of_day": Form(
        "CALL_DATE|CALL_TIME|DUR_SEC|MSISDN_A|MSISDN_B",
        lambda c: f"{c.start:%Y%m%d|%H%M%S}|{c.length_s}|39{c.source}|39{c.destination}",
    ),
    "length_in_milliseconds": Form(
        "ts,duration_ms,a,b,kind",
        lambda c: f"{c.epoch_s},{c.length_s * 1000},{c.source},{c.destination},{'sms' if c.kind == 'text' else 'call'}",
        texts=True,
    ),
    "mail_dates": Form(
        "Date,From,To,Duration",
        lambda c: f'"{c.start:%a, %d %b %Y %H:%M:%S} +0000",{c.source},{c.destination},{_clock(c)}',
    ),
    "blanks_and_no_header": Form("", lambda c: f"{c.source} {c.destination} {c.epoch_s} {c.length_s}"),
    "two_times_and_no_header": Form(
        "",
        lambda c: (
            f"{c.number};{c.start:%d/%m/%Y %H:%M:%S};{c.end:%d/%m/%Y %H:%M:%S};{c.source};{c.destination}"
        ),
        step_s=20_000,
    ),
    "end_and_length": Form(
        "end_time,duration,type,src,dst",
        lambda c: f"{c.end:%Y-%m-%d %H:%M:%S},{c.length_s},{c.kind},{c.source},{c.destination}",
        texts=True,
    ),
    "time_before_date": Form(
        "CallSid,From,To,StartTime,EndTime,Duration,Price",
        lambda c: (
            f"CA{c.number:032x},+1{c.source},+1{c.destination},{c.start:%H:%M:%S UTC %Y-%m-%d},"
            f"{c.end:%H:%M:%S UTC %Y-%m-%d},{c.length_s},-0.0085"
        ),
    ),
    "names_of_months": Form(
        "Start Time,Call Duration (s),Calling Party,Called Party,Cell Site",
        lambda c: f"{c.start:%d-%b-%Y %H:%M:%S},{c.length_s},{c.source},{c.destination},S{c.number % 7}",
    ),
    "call_centre": Form(
        "Conversation ID,Start Time,End Time,Queue Time,Talk Time,ANI,DNIS,Media Type",
        lambda c: (
            f"c{c.number},{c.start:%Y-%m-%dT%H:%M:%S.000Z},{c.end:%Y-%m-%dT%H:%M:%S.000Z},9,"
            f"{max(0, c.length_s - 9)},{c.source},{c.destination},voice"
        ),
    ),
    "two_dates_and_two_times_of_day": Form(
        "start date,start time,end date,end time,caller,called",
        lambda c: f"{c.start:%Y-%m-%d,%H:%M:%S},{c.end:%Y-%m-%d,%H:%M:%S},{c.source},{c.destination}",
        step_s=3_000,
    ),
    "one_date_and_an_end_after_midnight": Form(
        "date,start_time,end_time,duration,caller,called",
        lambda c: (
            f"{c.start:%Y-%m-%d,%H:%M:%S},{c.end:%H:%M:%S},{c.length_s},{c.source},{c.destination}"
        ),
        step_s=2_000,
    ),
    "missing_values_in_other_words": Form(
        "start,duration,from,to",
        lambda c: f"{c.start:%Y-%m-%d %H:%M:%S},{c.length_s or '-'},{c.source},{c.destination}",
    ),
    "letters_for_types": Form(
        "date,call_type,from,to,secs",
        lambda c: (
            f"{c.start:%Y-%m-%d %H:%M:%S},{'V' if c.kind == 'call' else 'S'},{c.source},{c.destination},{c.length_s}"
        ),
        texts=True,
    ),
    "numbers_with_full_stops": Form(
        "Beginn;Dauer (ms);Anrufer;Ziel",
        lambda c: f"{c.start:%d.%m.%Y %H:%M:%S};{c.length_s}.000,0;{c.source};{c.destination}",
    ),
    "rows_that_lack_their_last_columns": Form(
        "time|type|from|to|sec",
        lambda c: f"{c.epoch_s}|{c.kind}|{c.source}|{c.destination}" + (f"|{c.length_s}" if c.length_s else ""),
        texts=True,
    ),
}  # fmt: skip


def _write(form: Form, calls: Sequence[Call], folder: Path) -> Path:
    path = folder / "calls.dat"
    rows = [*form.before, *([form.header] if form.header else []), *map(form.row, calls)]
    path.write_bytes("".join(f"{row}\n" for row in rows).encode(form.encoding))
    return path


def _guess(path: Path) -> Guess:
    guess, _ = try_and_mend(str(path), guess_map(take_sample(str(path)).look), lambda _: None)
    return guess


@pytest.mark.parametrize("name", FORMS)
def test_calls_come_back_as_they_were_written(name: str, tmp_path: Path) -> None:
    form = FORMS[name]
    calls = make_calls(form.step_s, texts=form.texts)
    path = _write(form, calls, tmp_path)
    section = InputSection.model_validate({"path": str(path), "map": _guess(path).map})
    with tempfile.TemporaryDirectory() as work:
        reading = read_input(section, 1, Path(work), lambda _: None)
    assert reading.problems.count == 0
    read = [json.loads(line) for line in lines(reading)]
    assert sorted([end, length, kind] for end, length, _, kind in read) == sorted(call.record for call in calls)


def test_an_ambiguous_day_is_written_in_the_likelier_order_and_marked(tmp_path: Path) -> None:
    form = Form("start,secs,from,to", lambda c: f"03/04/2014 {c.start:%H:%M:%S},4,{c.source},{c.destination}")
    guess = _guess(_write(form, make_calls(37), tmp_path))
    assert guess.map is not None
    finding = next(each for each in guess.findings if each.key == "time")
    assert (guess.map["time"], finding.certainty) == ("%m/%d/%Y %H:%M:%S", Certainty.NOT_SURE)
    assert "%d/%m/%Y %H:%M:%S" in finding.check


def test_the_order_of_day_and_month_is_settled_by_rows_beyond_the_sample(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sample, "SAMPLE_BYTES", 1_000)
    rows = ["03/04/2024"] * 40 + ["13/04/2024"] * 4
    path = tmp_path / "calls.csv"
    path.write_text("start,secs,from,to\n" + "".join(f"{day} 10:00:00,4,9165550100,9165550101\n" for day in rows))
    guess = _guess(path)
    assert guess.map is not None
    assert guess.map["time"] == "%d/%m/%Y %H:%M:%S"


def test_clocks_that_are_put_back_tell_of_a_zone(tmp_path: Path) -> None:
    zone_rows = [f"2024-11-03 01:{minute:02d}:00" for minute in range(60)] * 2
    path = tmp_path / "calls.csv"
    path.write_text("start,secs,who\n" + "".join(f"{time},4,9165550100\n" for time in zone_rows))
    guess = _guess(path)
    assert guess.map is not None
    assert (guess.map["timezone"], guess.map["ambiguous_times"]) == ("America/Los_Angeles", "in_order")
    assert next(each for each in guess.findings if each.key == "timezone").certainty == Certainty.NOT_SURE


def test_of_a_file_without_times_no_map_is_made(tmp_path: Path) -> None:
    path = tmp_path / "calls.csv"
    path.write_text("who,whom\n" + "9165550100,9165550101\n" * 20)
    guess = guess_map(take_sample(str(path)).look)
    assert guess.map is None
    assert "9165550100" in guess.findings[-1].check
