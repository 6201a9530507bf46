"""The tables that `ringbench generate` and `ringbench merge-shards` end with."""

from rich.console import Group
from rich.table import Table
from rich.text import Text

from harness.results.shards import MergedShards, Sent, ShardResult
from reports.wording.number_tables import number_table


def shard_table(result: ShardResult) -> Group:
    """What a shard sent, its clock, and why it must not be believed, if so."""
    title = f"shard {result.shard} of {result.stream.shards}: {_validity(result.valid)}"
    before = result.clock_before
    clock = f"The broker's clock is ahead of this machine's by {before.offset_ms:+.2f} ms, ± {before.bound_ms:.2f} ms."
    return Group(*_head(title, result.valid, result.invalid_reasons), _sent_table(result.sent), Text(clock))


def merged_table(merged: MergedShards) -> Group:
    """What all shards sent, how far their clocks may be apart, and why that must not be believed, if so."""
    title = f"{merged.stream.shards} shards of {merged.stream.scenario}: {_validity(merged.valid)}"
    clocks = number_table("shard", "broker's clock ahead by at least, ms", "at most, ms")
    for each in merged.clocks:
        clocks.add_row(str(each.shard), f"{each.low_ms:+.2f}", f"{each.high_ms:+.2f}")
    apart = f"Two shards' clocks were apart by {merged.clocks_apart_ms_max:.2f} ms at the most."
    head = _head(title, merged.valid, merged.invalid_reasons)
    return Group(*head, _sent_table(merged.sent), clocks, Text(apart))


def _validity(valid: bool) -> str:
    return "valid" if valid else "INVALID"


def _head(title: str, valid: bool, reasons: list[str]) -> list[Text]:
    style = "bold green" if valid else "bold red"
    return [Text(title, style=style), *(Text(f"  {reason}", style="red") for reason in reasons)]


def _sent_table(sent: Sent) -> Table:
    table = number_table("sent", "acknowledged", "arrived", "schedule error p50, ms", "p99, ms", "max, ms")
    counts = (sent.sent_records, sent.acked_records, sent.arrived_records)
    errors_ms = (sent.schedule_error_ms_p50, sent.schedule_error_ms_p99, sent.schedule_error_ms_max)
    shown = ("-" if each is None else f"{each:,.1f}" for each in errors_ms)
    table.add_row(*(f"{each:,}" for each in counts), *shown)
    return table
