"""Engines of installed packages are found by their entry points, and nothing of the packages is imported."""

import sys
from pathlib import Path

import pytest

from harness.engines.catalogue import all_engines, find_engines
from harness.engines.plugins import GROUP
from harness.errors import ConfigurationError

DESCRIPTOR = 'name = "{}"\ndescription = "d"\nentry = "main.py"\nrequirements = "r.lock"\n'


@pytest.fixture
def site(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder of installed packages, on the path."""
    monkeypatch.syspath_prepend(str(tmp_path))
    return tmp_path


def install(site: Path, package: str, entry: str, *, engine: str = "mine", folder: str = "engine") -> Path:
    """Install `package` with an `entry` point, and an engine in its `folder`. Returns the engine's directory."""
    directory = site / package / folder
    directory.mkdir(parents=True)
    (site / package / "__init__.py").write_text("raise AssertionError('imported')", encoding="utf-8")
    (directory / "engine.toml").write_text(DESCRIPTOR.format(engine), encoding="utf-8")
    metadata = site / f"{package}-1.2.dist-info"
    metadata.mkdir()
    (metadata / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {package}\nVersion: 1.2\n", encoding="utf-8")
    (metadata / "entry_points.txt").write_text(f"[{GROUP}]\n{entry}\n", encoding="utf-8")
    return directory


def test_an_installed_package_brings_an_engine_and_is_not_imported(site: Path) -> None:
    directory = install(site, "of_somebody", "mine = of_somebody.engine")
    (found,) = find_engines(["mine"])
    assert found.directory == directory
    assert "of_somebody" not in sys.modules


def test_the_engine_can_be_the_package_itself(site: Path) -> None:
    assert install(site, "of_somebody", "mine = of_somebody", folder=".").samefile(find_engines(["mine"])[0].directory)


def test_an_engine_that_is_found_in_two_ways_is_one(site: Path) -> None:
    install(site, "of_somebody", "mine = of_somebody.engine")
    assert [each.name for each in all_engines([site / "of_somebody"])].count("mine") == 1


@pytest.mark.parametrize(
    ("entry", "words"),
    [
        ("mine = elsewhere.engine", "no package 'elsewhere' is installed"),
        ("mine = of_somebody.engin", "no engine.toml in .*of_somebody/engin"),
        ("mine = json", "mine = 'json' of of_somebody 1.2, in the group ringbench.engines: no engine.toml in .*json"),
        ("mine = of_somebody.engine:main", "no engine.toml in .*engine:main"),
        ("mine = .engine", "no package '' is installed"),
        ("yours = of_somebody.engine", "the engine is called 'mine', but its entry point 'yours'"),
    ],
)
def test_a_broken_entry_point_is_named_with_its_package(site: Path, entry: str, words: str) -> None:
    install(site, "of_somebody", entry)
    with pytest.raises(ConfigurationError, match=words) as caught:
        all_engines([])
    assert caught.value.fix


def test_two_packages_with_an_engine_of_the_same_name_are_both_named(site: Path) -> None:
    install(site, "one", "mine = one.engine")
    install(site, "other", "mine = other.engine")
    with pytest.raises(ConfigurationError, match=r"called 'mine': (one|other) 1\.2 and (one|other) 1\.2"):
        all_engines([])


def test_a_package_cannot_take_the_name_of_one_of_ours(site: Path) -> None:
    directory = install(site, "of_somebody", "spark = of_somebody.engine", engine="spark")
    with pytest.raises(ConfigurationError, match=f"two engines are called 'spark': .*engines/spark and {directory}"):
        all_engines([])


def test_nor_can_a_folder(tmp_path: Path) -> None:
    (tmp_path / "flink").mkdir()
    (tmp_path / "flink" / "engine.toml").write_text(DESCRIPTOR.format("flink"), encoding="utf-8")
    with pytest.raises(ConfigurationError, match="two engines are called 'flink'"):
        find_engines(["spark"], [tmp_path])
