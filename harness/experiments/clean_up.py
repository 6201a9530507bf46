"""Takes a run's data out of the user's own services, and tells what it could not: by then, the result is saved."""

from collections.abc import Callable, Iterator

from harness.clients.left import Left, told
from harness.clients.redis_contents import remove_keys
from harness.clients.s3_archive import remove_archive
from harness.experiments.journal import Journal
from harness.experiments.run_trials import ANYTHING, Taken
from harness.session.session import Session


def clean_up(session: Session, taken: Taken, *, whole: bool) -> list[str]:
    """Remove what the run has left in Redis and S3, and, if it is `whole`, its journal.

    What was started for the run goes with it anyway. Nothing that fails here is an error: the result is saved.

    Returns: what could not be removed, where it is, and why. After a signal, nothing more is tried.
    """
    left: list[str] = []
    signal = ""
    for what, remove in _remains(session, taken.journal if whole else None):
        cause = signal
        if not signal:
            try:
                left += told(remove())
                continue
            except ANYTHING as error:
                cause = taken.cause(error, session.work)
                signal = cause if isinstance(error, KeyboardInterrupt) else ""
        left.append(f"left behind, {what} ({cause})")
    for line in left:
        session.watcher.note(line)
    if left:
        session.watcher.note(f"`ringbench clean {session.run_id}`, with the run's services, deletes it later")
    return left


def _remains(session: Session, journal: Journal | None) -> Iterator[tuple[str, Callable[[], list[Left]]]]:
    """What there may be to remove, of half-made trials, too: its name, and what removes it."""
    backing, external = session.backing, session.options.external
    if journal:
        yield f"journal: {journal.folder}", journal.remove
    if external.redis:
        yield f"Redis keys: {backing.namespace}:*", lambda: remove_keys(backing.redis_url, backing.namespace)
    if external.s3:
        yield f"S3 objects: {session.run_id}/*", lambda: remove_archive(backing.bucket, session.run_id)
