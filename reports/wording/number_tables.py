"""Tables of numbers for a terminal, that what benches find has in common."""

from rich.table import Table


def number_table(*headings: str) -> Table:
    """A table of numbers, without rows as yet."""
    table = Table(show_edge=False, pad_edge=False)
    for heading in headings:
        table.add_column(heading, justify="right")
    return table
