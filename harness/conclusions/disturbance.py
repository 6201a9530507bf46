"""How much others had of the machine that a trial took place on. Pure functions of what was measured."""

from harness.results.host import Host


def disturbed_share(host: Host | None) -> float | None:
    """The share of the machine's CPU time that others had: the hypervisor's other guests, and other programs here.

    None if neither is known. CPU time is accounted in ticks, so that others' may come out a little below 0.
    """
    if host is None or (host.stolen_share is None and host.foreign_cores is None):
        return None
    return max(0.0, (host.stolen_share or 0.0) + (host.foreign_cores or 0.0) / host.cores)


def disturbance_text(host: Host) -> str:
    """What disturbed, in words."""
    parts = []
    if host.foreign_cores is not None:
        who = ", ".join(f"{each.name} {each.cores:.2f}" for each in host.foreign_programs)
        parts.append(f"other programs used {host.foreign_cores:.2f} of {host.cores} cores{f' ({who})' if who else ''}")
    if host.stolen_share is not None:
        parts.append(f"the hypervisor stole {host.stolen_share:.1%} of the time")
    return " and ".join(parts)
