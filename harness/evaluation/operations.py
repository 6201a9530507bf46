"""Whether a planned operation was done as it should be: the stop, what was started, and what that went on from."""

from collections.abc import Iterator

from harness.trial.outcome import Injected, Trial

#: Why an operation did not pass, though nothing was lost.
BEGAN_ANEW = "it went on from no state of its own, but read the whole topic again"
NOT_CHANGED = "it was started again for a parallelism of {wanted}, and says that it has one of {told}"
NOT_UPGRADED = "it was started again in version {wanted}, and says that it is {told}"
STATE_UNKNOWN = "whether it went on from its state is not known: it has not told what it read, or did not catch up"


def operation_reasons(injected: Injected, contestant: str) -> list[str]:
    """Why an operation on `contestant` did not go as it should; nothing of a fault."""
    return [*injected.against, *_against_start(injected, contestant)] if injected.is_operation else []


def _against_start(injected: Injected, contestant: str) -> Iterator[str]:
    if injected.began_anew:
        yield f"{BEGAN_ANEW}: {injected.records_in:,} records"
    change = injected.planned.change
    if change.parallelism and injected.parallelism not in (None, change.parallelism):
        yield NOT_CHANGED.format(wanted=change.parallelism, told=injected.parallelism)
    wanted = change.upgrades[contestant].version if contestant in change.upgrades else ""
    if wanted and injected.version not in (None, wanted):
        yield NOT_UPGRADED.format(wanted=wanted, told=injected.version)


def operation_doubts(trial: Trial, injected: Injected, *, recovered: bool) -> list[str]:
    """What keeps an operation from being a pass, though nothing speaks against it; nothing of a fault."""
    # Before it had caught up, what it had read says nothing of where it began. In the end, all is caught up.
    caught_up = recovered or (trial.is_complete and injected is trial.injected[-1])
    unknown = injected.began_anew is None or not caught_up
    return [STATE_UNKNOWN] if injected.is_operation and unknown else []


def reread_records(trial: Trial, injected: Injected) -> int | None:
    """How many of the records that the stopped process had read were read again; None if that is not known.

    Both processes together have read all records once, and these twice. With other restarts in the trial, nobody can
    tell which of them read what.
    """
    alone = sum(each.name == "engine" for each in trial.restarts) == 1
    if not alone or not trial.generator or injected.records_before is None or injected.records_in is None:
        return None
    return injected.records_before + injected.records_in - trial.generator.acked_records
