"""Exit codes are a promise to scripts."""

import pytest

from harness.errors import ConfigurationError, InvalidRun, ProvisionError, RingbenchError, ServiceError, UsageError


@pytest.mark.parametrize(
    ("kind", "code"),
    [(UsageError, 2), (ConfigurationError, 2), (InvalidRun, 3), (ServiceError, 4), (ProvisionError, 4)],
)
def test_exit_code(kind: type[RingbenchError], code: int) -> None:
    assert kind("it broke").exit_code == code


def test_text_is_the_message_then_the_fix() -> None:
    assert str(UsageError("it broke")) == "it broke"
    assert str(UsageError("it broke", fix="mend it")) == "it broke\nmend it"
