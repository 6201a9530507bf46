"""The command `ringbench doctor`."""

import typer

EPILOG = "Example: `ringbench doctor`"


def doctor() -> None:
    """Print what was found, what is missing, and the fix. Downloads nothing."""
    from rich.console import Console

    from harness.session.doctor import diagnose, print_doctor

    checks = diagnose()
    print_doctor(Console(), checks)
    raise typer.Exit(0 if all(check.ok for check in checks) else 4)
