"""What all tests and the processes that they start inherit."""

import signal


def pytest_configure() -> None:
    """Heed the signals that a command ends by: a shell's background ignores SIGINT, and nohup SIGHUP."""
    for number, handler in ((signal.SIGINT, signal.default_int_handler), (signal.SIGHUP, signal.SIG_DFL)):
        if signal.getsignal(number) is signal.SIG_IGN:
            signal.signal(number, handler)
