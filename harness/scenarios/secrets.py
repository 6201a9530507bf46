"""That settings of engines and of the truth give no secret away: they are kept in the result, or become arguments."""

from collections.abc import Iterator
from typing import Any

from harness.console.redaction import is_secret_name, secret_within
from harness.errors import UsageError
from harness.scenarios.scenario import Scenario


def check_secrets(scenario: Scenario) -> None:
    """Make sure that no setting of an engine, whether it is run or not, or of the truth gives a secret away.

    Raises:
        UsageError: an option is called like a secret, or a value has one in it.
    """
    own = {each.name: each.settings for each in scenario.engines if each.settings}
    for engine, settings in (*scenario.engine_settings.items(), *own.items(), ("truth", scenario.truth.model_dump())):
        for name, value in _options(settings):
            if what := _told(name, value):
                raise UsageError(
                    f"{engine}: {what} looks like a secret, and options are kept in the result",
                    fix="put it into spark-defaults.conf below SPARK_CONF_DIR, Hadoop's or Flink's own configuration, "
                    "or the environment",
                )


def _told(name: str, value: str) -> str:
    """What gives a secret away; empty if nothing does."""
    if is_secret_name(name) and value.lower() not in ("", "true", "false"):
        return f"the option {name}"
    found = secret_within(value)
    return f"{found}, in the option {name}," if found else ""


def _options(settings: dict[str, Any]) -> Iterator[tuple[str, str]]:
    """Names and values of all settings, those within others too."""
    for name, value in settings.items():
        if isinstance(value, dict):
            yield from _options(value)
        elif isinstance(value, list):
            yield from _options({name: " ".join(map(str, value))})
        else:
            yield name, str(value)
