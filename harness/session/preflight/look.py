"""The one list of what is looked at, by `ringbench doctor` and by every command before it starts anything."""

from collections.abc import Callable, Iterator

from harness.provision.cache import Progress
from harness.session.preflight.finding import Finding
from harness.session.preflight.folders import look_at_folders
from harness.session.preflight.limits import look_at_limits
from harness.session.preflight.need import Need

LOOKS: tuple[Callable[[Need], Iterator[Finding]], ...] = (look_at_folders, look_at_limits)


def look_around(need: Need) -> list[Finding]:
    """Look at this machine, for a command with this `need`. Takes a fraction of a second, and leaves nothing."""
    return [finding for look in LOOKS for finding in look(need)]


def look_before_leaping(need: Need, tell: Progress) -> None:
    """Make sure that a command with this `need` can take place here; `tell` is told what could be better.

    Raises:
        ServiceError: it cannot; the first reason is told, and how many others there are.
    """
    found = look_around(need)
    if bad := [each for each in found if not each.ok]:
        raise bad[0].error(len(bad) - 1)
    for each in found:
        if each.fix:
            tell(f"{each.text}; {each.fix}")
