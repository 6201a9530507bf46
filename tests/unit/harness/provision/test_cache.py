"""Where the cache is."""

from pathlib import Path

import pytest

from harness.errors import ConfigurationError
from harness.provision.cache import cache_dir, home_directory


@pytest.fixture(autouse=True)
def _nobody(monkeypatch: pytest.MonkeyPatch) -> None:
    """A user that the system does not know, and no variable that says where anything is."""
    for name in ("HOME", "XDG_CACHE_HOME", "RINGBENCH_CACHE_DIR"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setattr("pwd.getpwuid", {}.__getitem__)


def test_a_user_without_a_home_is_told_what_to_set() -> None:
    assert home_directory() is None
    with pytest.raises(ConfigurationError, match="HOME is not set") as caught:
        cache_dir()
    assert "RINGBENCH_CACHE_DIR" in caught.value.fix


@pytest.mark.parametrize(("variable", "below"), [("RINGBENCH_CACHE_DIR", ""), ("XDG_CACHE_HOME", "ringbench")])
def test_a_user_without_a_home_needs_none_where_a_variable_says_where_the_cache_is(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, variable: str, below: str
) -> None:
    monkeypatch.setenv(variable, str(tmp_path / "cache"))
    assert cache_dir() == tmp_path / "cache" / below


def test_a_home_that_only_a_tilde_names_is_asked_for(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("RINGBENCH_CACHE_DIR", "~/cache")
    with pytest.raises(ConfigurationError, match="HOME is not set"):
        cache_dir()
