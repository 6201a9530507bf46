"""What can go wrong, and the exit code each kind ends `ringbench` with.

::

    RingbenchError
    ├── UsageError             2  an argument or option makes no sense
    │   └── ConfigurationError 2  a scenario, a file or an environment variable does
    ├── InvalidRun             3  the run took place, but its numbers must not be believed
    └── ServiceError           4  a service, or something a run needs, could not be started or reached
        └── ProvisionError     4  software that a run needs could not be obtained

What libraries and the system raise is put into these by `harness.clients.failures`. Anything else is an error of
Ringbench itself, which ends with `INTERNAL`: 1 would say that an engine failed.
"""

from typing import ClassVar

#: The exit code after an error of Ringbench itself (EX_SOFTWARE of sysexits.h).
INTERNAL = 70
INTERNAL_FIX = "this is an error of Ringbench itself: report it, with the lines above"


class RingbenchError(Exception):
    """An error with a message for the user and, where one is known, the way out of it.

    Attributes:
        exit_code: what the command line ends with.
        message: what happened, in one sentence; log lines may follow it.
        fix: what the user can do about it; empty if there is nothing to say.
    """

    exit_code: ClassVar[int]

    def __init__(self, message: str, *, fix: str = "") -> None:
        super().__init__(message)
        self.message = message
        self.fix = fix

    def __str__(self) -> str:
        return f"{self.message}\n{self.fix}" if self.fix else self.message


class UsageError(RingbenchError):
    """An argument or option that makes no sense."""

    exit_code = 2


class ConfigurationError(UsageError):
    """A scenario, a file or an environment variable that makes no sense."""


class InvalidRun(RingbenchError):  # noqa: N818 - what is wrong is the run
    """The run took place, but its numbers must not be believed."""

    exit_code = 3


class ServiceError(RingbenchError):
    """A service, or something else a run needs, could not be started or reached."""

    exit_code = 4


class ProvisionError(ServiceError):
    """Software that a run needs could not be obtained."""
