"""The tables that `ringbench plan` ends with, and the same in Markdown."""

from rich.console import Group
from rich.table import Table
from rich.text import Text

from harness.conclusions.capacity import CapacityPlan, bytes_text
from reports.wording.number_tables import number_table

_HEADINGS = ("process", "CPU-s per million records", "busy cores at peak", "cores")


def capacity_tables(plan: CapacityPlan) -> Group:
    """Cores and machines by process; partitions, network and storage; what to beware of."""
    processes = number_table(*_HEADINGS)
    for row in _rows(plan):
        processes.add_row(*row)
    totals = Table(show_edge=False, pad_edge=False, show_header=False)
    for name, value in _totals(plan).items():
        totals.add_row(name, value)
    notes = [Text(each) for each in _notes(plan)]
    warnings = [Text(f"Beware: {each}", style="yellow") for each in plan.warnings]
    return Group(processes, *notes, Text(), totals, *warnings)


def capacity_markdown(plan: CapacityPlan) -> str:
    """The same, for a document."""
    alignment = "|---|" + "---:|" * 3
    lines = [f"| {' | '.join(_HEADINGS)} |", alignment, *(f"| {' | '.join(row)} |" for row in _rows(plan))]
    lines += [
        "",
        *(f"{note}." for note in _notes(plan)),
        "",
        "| | |",
        "|---|---:|",
        *(f"| {name} | {value} |" for name, value in _totals(plan).items()),
    ]
    return "\n".join([*lines, *(f"\nBeware: {each}." for each in plan.warnings)]) + "\n"


def _rows(plan: CapacityPlan) -> list[list[str]]:
    rows = [
        [
            f"{each.name} ({plan.measured.engine})" if each.name == "engine" else each.name,
            f"{each.cpu_s_per_million_records:,.2f}",
            f"{each.busy_cores:,.2f}",
            f"{each.cores:,}",
        ]
        for each in plan.processes
    ]
    return [*rows, ["together", "", "", f"{plan.cores:,}"]]


def _notes(plan: CapacityPlan) -> list[str]:
    return [f"{each.name}: {each.note}" for each in plan.processes if each.note]


def _totals(plan: CapacityPlan) -> dict[str, str]:
    return {
        "records a day": f"{plan.records_per_day:,.0f}",
        "records/s, mean": f"{plan.mean_records_per_s:,.0f}",
        "records/s, peak": f"{plan.peak_records_per_s:,.0f}",
        f"machines of {plan.assumptions.cores_per_machine} cores": f"{plan.machines:,}",
        "partitions": f"{plan.partitions:,}",
        "into Kafka, at peak": f"{bytes_text(plan.kafka_in_bytes_per_s)}/s",
        "out of Kafka, at peak": f"{bytes_text(plan.kafka_out_bytes_per_s)}/s",
        "stored a day": bytes_text(plan.stored_bytes_per_day),
        f"kept for {plan.assumptions.retention_h:g} h": bytes_text(plan.stored_bytes),
    }
