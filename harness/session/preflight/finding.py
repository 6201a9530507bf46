"""What one look at the machine has found."""

from dataclasses import dataclass

from harness.errors import ServiceError


@dataclass(frozen=True)
class Finding:
    """One thing that was looked at.

    Attributes:
        name: what it is.
        ok: whether a run can take place with it.
        found: how it is.
        expected: how it is to be; empty if that goes without saying.
        fix: the way out if it is not `ok`; else advice, or empty.
    """

    name: str
    ok: bool
    found: str
    expected: str = ""
    fix: str = ""

    @property
    def text(self) -> str:
        """What was found, and what was expected, in one line."""
        return f"{self.name}: {self.found}{f'; {self.expected}' if self.expected else ''}"

    def error(self, others: int) -> ServiceError:
        """Why nothing is started; so many `others` are not well either."""
        more = f" ({others} more; `ringbench doctor` shows all)" if others else ""
        return ServiceError(f"{self.text}{more}", fix=self.fix)


def size_text(size_bytes: float) -> str:
    """A size for people to read."""
    return f"{size_bytes / 1e9:.1f} GB" if size_bytes >= 1e8 else f"{size_bytes / 1e6:.0f} MB"
