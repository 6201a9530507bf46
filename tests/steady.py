"""`python -m tests.steady ARGUMENTS`: pytest, and what failed once more if the host's wall clock leapt meanwhile.

The clock leaps where a virtual machine is paused, copied or moved. A run says that it is invalid then, as it has to,
and a test that wants a valid run fails, whatever the code does. No other failure is forgiven.
"""

import os
import sys
from collections.abc import Sequence

import pytest

from harness.measurement.clock import ClockWatch

#: By how much the wall clock may move in a run of the tests, in milliseconds.
CLOCK_STEP_LIMIT_MS = 1000.0


def main(arguments: Sequence[str], watch: ClockWatch) -> int:
    """The command in the module's documentation. Returns pytest's exit code; a second time has this process's place."""
    watch.look()
    code = pytest.main([*arguments])
    watch.look()
    if code == pytest.ExitCode.TESTS_FAILED and watch.step_ms > CLOCK_STEP_LIMIT_MS:
        print(f"The wall clock moved by {watch.step_ms:,.0f} ms meanwhile. What failed is tried again.", flush=True)
        only = ("--last-failed", "--last-failed-no-failures=none")
        os.execv(sys.executable, [sys.executable, "-m", "pytest", *arguments, *only])
    return code


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:], ClockWatch()))
