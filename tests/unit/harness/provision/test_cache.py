"""Where the cache is, and that it is its user's alone."""

import os
from pathlib import Path

import pytest

from harness.errors import ConfigurationError
from harness.provision.cache import cache_dir, home_directory


@pytest.fixture
def own(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A cache of the user's own."""
    path = tmp_path / "own"
    path.mkdir(mode=0o700)
    monkeypatch.setenv("RINGBENCH_CACHE_DIR", str(path))
    return path


@pytest.fixture
def _nobody(monkeypatch: pytest.MonkeyPatch) -> None:
    """A user that the system does not know, and no variable that says where anything is."""
    for name in ("HOME", "XDG_CACHE_HOME", "RINGBENCH_CACHE_DIR"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setattr("pwd.getpwuid", {}.__getitem__)


def test_a_cache_of_another_user_is_refused(own: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert cache_dir() == own
    user = os.getuid()
    monkeypatch.setattr(os, "getuid", lambda: user + 1)
    with pytest.raises(ConfigurationError, match=f"belongs to user {user}, and this is user {user + 1}"):
        cache_dir()


def test_a_cache_that_others_can_write_to_is_refused(own: Path) -> None:
    own.chmod(0o707)
    with pytest.raises(ConfigurationError, match=r"others can write .* \(mode 707\)") as caught:
        cache_dir()
    assert caught.value.fix == f"chmod go-w {own}"


def test_a_group_of_the_users_own_may_write_to_the_cache_and_another_may_not(
    own: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    own.chmod(0o770)
    group = own.stat().st_gid
    if group == own.stat().st_uid:
        assert cache_dir() == own
    monkeypatch.setattr(os, "getgid", lambda: group + 1)
    with pytest.raises(ConfigurationError, match="mode 770"):
        cache_dir()


@pytest.mark.usefixtures("_nobody")
def test_a_user_without_a_home_is_told_what_to_set() -> None:
    assert home_directory() is None
    with pytest.raises(ConfigurationError, match="HOME is not set") as caught:
        cache_dir()
    assert "RINGBENCH_CACHE_DIR" in caught.value.fix


@pytest.mark.usefixtures("_nobody")
@pytest.mark.parametrize(("variable", "below"), [("RINGBENCH_CACHE_DIR", ""), ("XDG_CACHE_HOME", "ringbench")])
def test_a_user_without_a_home_needs_none_where_a_variable_says_where_the_cache_is(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, variable: str, below: str
) -> None:
    monkeypatch.setenv(variable, str(tmp_path / "cache"))
    assert cache_dir() == tmp_path / "cache" / below


@pytest.mark.usefixtures("_nobody")
def test_a_home_that_only_a_tilde_names_is_asked_for(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("RINGBENCH_CACHE_DIR", "~/cache")
    with pytest.raises(ConfigurationError, match="HOME is not set"):
        cache_dir()
