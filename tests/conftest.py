"""What all tests and the processes that they start inherit."""

import gc
import os
import signal
from collections.abc import Generator

import pytest


def pytest_configure() -> None:
    """Heed the signals that a command ends by: a shell's background ignores SIGINT, and nohup SIGHUP."""
    for number, handler in ((signal.SIGINT, signal.default_int_handler), (signal.SIGHUP, signal.SIG_DFL)):
        if signal.getsignal(number) is signal.SIG_IGN:
            signal.signal(number, handler)


@pytest.hookimpl(wrapper=True)
def pytest_collection() -> Generator[None, object, object]:
    """Look for garbage while tests run, not while they are imported."""
    gc.disable()
    try:
        return (yield)
    finally:
        # What was imported stays, and need not be looked at again. (One process alone ends with a look at all of it.)
        if "PYTEST_XDIST_WORKER" in os.environ:
            gc.freeze()
        # Most of what tests make is gone by its last reference: looking after every 700th object finds next to nothing.
        gc.set_threshold(20_000)
        gc.enable()
