"""What was found, in lines for people."""

from collections.abc import Iterator, Sequence

from harness.session.cleaning.finds import BYTES, Find

#: So many things of one kind and run are named.
NAMES_SHOWN = 20
_UNITS = ((2**30, "GiB"), (2**20, "MiB"), (2**10, "KiB"))


def lines(finds: Sequence[Find]) -> Iterator[str]:
    """A line for each of `finds`; of many that are alike, for the first ones and for all others together."""
    alike: dict[tuple[str, str, str, str], list[Find]] = {}
    for each in finds:
        alike.setdefault((each.where, each.kind, each.run_id, each.kept), []).append(each)
    for (where, kind, run_id, kept), same in alike.items():
        of, why = f" of {run_id}" if run_id else "", f": {kept}" if kept else ""
        for each in same[:NAMES_SHOWN]:
            yield f"{where}: {kind} {each.name}{of}{_size(each)}{why}"
        if others := same[NAMES_SHOWN:]:
            sizes = [each.size for each in others if each.size is not None]
            yield f"{where}: {len(others):,} more of kind {kind}{of}{_amount(sum(sizes), same[0].unit)}{why}"


def total(finds: Sequence[Find]) -> str:
    """How much it is in all."""
    found = sum(each.size or 0 for each in finds if each.unit == BYTES)
    what = f"these {len(finds):,} things" if len(finds) > 1 else "it"
    return f"{what} ({_in_bytes(found)})"


def _size(find: Find) -> str:
    return "" if find.size is None else _amount(find.size, find.unit)


def _amount(size: int, unit: str) -> str:
    return f", {_in_bytes(size) if unit == BYTES else f'{size:,} {unit}'}"


def _in_bytes(size: int) -> str:
    return next((f"{size / factor:.1f} {name}" for factor, name in _UNITS if size >= factor), f"{size} bytes")
