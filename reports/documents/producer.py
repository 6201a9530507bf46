"""The tables that `ringbench bench producer` ends with."""

from rich.console import Group
from rich.table import Table
from rich.text import Text

from harness.results.benches import ProducerBench
from reports.wording.number_tables import number_table


def producer_tables(found: ProducerBench) -> Group:
    """Rates of both sides pair by pair, and how late the generator was by rate."""
    parts: list[Table | Text] = [_pairs(found), Text(_verdict(found))]
    if found.paces:
        parts += [Text(), _paces(found), Text(_limit(found))]
    return Group(*parts)


def _pairs(found: ProducerBench) -> Table:
    table = number_table("pair", "ringbench, records/s", "Kafka's tool, records/s", "ratio")
    for number, pair in enumerate(found.pairs, start=1):
        table.add_row(
            str(number), f"{pair.ours_records_per_s:,.0f}", f"{pair.kafka_records_per_s:,.0f}", f"{pair.ratio:.2f}"
        )
    return table


def _verdict(found: ProducerBench) -> str:
    return (
        f"The generator, which makes, encodes and schedules each record, sent {found.ratio:.2f} times as many records "
        f"a second as Kafka's own kafka-producer-perf-test, whose lines of {found.record_bytes_mean:.0f} bytes were "
        "made before."
    )


def _paces(found: ProducerBench) -> Table:
    table = number_table("records/s", "schedule error p50, ms", "p99, ms", "max, ms", "held")
    for pace in found.paces:
        errors_ms = (pace.schedule_error_ms_p50, pace.schedule_error_ms_p99, pace.schedule_error_ms_max)
        table.add_row(
            f"{pace.rate_records_per_s:,}", *(f"{each:,.1f}" for each in errors_ms), "yes" if pace.held else "no"
        )
    return table


def _limit(found: ProducerBench) -> str:
    bound = f"p99 of the schedule error at most {found.bound_ms_p99:g} ms"
    if found.held_records_per_s is None:
        return f"One process on this machine held no rate that was tried ({bound})."
    return f"One process on this machine held {found.held_records_per_s:,} records/s, and not twice as many ({bound})."
