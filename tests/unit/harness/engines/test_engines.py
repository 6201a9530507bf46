"""Engines are found by their descriptors, and a wrong one is named."""

from pathlib import Path

import pytest

from engines.contract.queries import COUNTS, QUERIES
from harness.engines.catalogue import ENGINES, all_engines, check_query, check_route, find_engines, load_engine
from harness.engines.prepare import contract_path
from harness.engines.tuning import tuned
from harness.errors import ConfigurationError
from harness.scenarios.loading import load_scenario

DESCRIPTOR = 'name = "mine"\ndescription = "d"\nentry = "main.py"\nrequirements = "r.lock"\n'


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine" / "engine.toml").write_text(DESCRIPTOR, encoding="utf-8")
    return tmp_path


def test_ours_are_found_with_their_files() -> None:
    for engine in all_engines([]):
        assert (engine.directory / engine.entry).is_file(), engine.name
        assert (engine.directory / engine.requirements).is_file(), engine.name
        assert engine.jars is None or (engine.directory / engine.jars).stat().st_size > 0, engine.name
        assert engine.directory.name == engine.name


def test_engines_come_in_the_order_asked_for() -> None:
    assert [engine.name for engine in find_engines(["baseline", "spark"])] == ["baseline", "spark"]


def test_a_further_folder_adds_engines(folder: Path) -> None:
    assert find_engines(["mine"], [folder])[0].directory == folder / "mine"


def test_a_relative_folder_is_found_from_any_other(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(folder)
    assert load_engine(Path("mine")).directory == folder / "mine"


def test_an_unknown_engine_is_named_with_those_there_are() -> None:
    with pytest.raises(ConfigurationError) as caught:
        find_engines(["flnik"])
    assert "'flnik'" in caught.value.message and "flink" in caught.value.fix


def test_an_engine_named_twice_is_refused() -> None:
    with pytest.raises(ConfigurationError, match="named twice"):
        find_engines(["spark", "spark"])


@pytest.mark.parametrize(
    ("text", "words"),
    [
        (DESCRIPTOR + 'jar = "x"', "unknown key 'jar'"),
        (DESCRIPTOR + "[tunings]\nlatency = 5", "tunings: expected a table"),
        (DESCRIPTOR + 'routes = ["direkt"]', r"routes: expected a list of kafka and direct, found \['direkt'\]"),
        (DESCRIPTOR + 'routes = "direct"', "routes: expected a list"),
        (DESCRIPTOR + 'late_settings = {a = "5"}', "late_settings: expected a table of whole numbers"),
        ('name = "mine"', "missing"),
        (DESCRIPTOR.replace('"mine"', '"../../x"'), r"name: found '\.\./\.\./x'; expected up to 64 letters"),
        (DESCRIPTOR.replace('"mine"', '".."'), r"name: found '\.\.'; expected up to 64 letters"),
        (DESCRIPTOR.replace('"mine"', f'"{"a" * 65}"'), "name: found 'a+'; expected up to 64 letters"),
        (DESCRIPTOR.replace('"mine"', "5"), "name: expected a text, found '5'"),
        (DESCRIPTOR + 'versions = "4.3 or so"', "versions: found '4.3 or so'; expected a PEP 440 specifier"),
        (DESCRIPTOR + 'java = "no"', "java: expected true or false, found 'no'"),
        (DESCRIPTOR + "#" * 70_000, "more than 65,536 bytes"),
        (DESCRIPTOR + "[tunings.latency]\na = " + "[" * 10_000, "nested deeper than 8"),
        (DESCRIPTOR + "[tunings.latency]\n" + ".".join("a" * 9) + " = 1", "nested deeper than 8"),
        (DESCRIPTOR + f"[tunings.latency]\na = {'9' * 5000}", "engine.toml: Exceeds the limit"),
        ("name = ", "engine.toml"),
    ],
)
def test_a_wrong_descriptor_is_refused(folder: Path, text: str, words: str) -> None:
    (folder / "mine" / "engine.toml").write_text(text, encoding="utf-8")
    with pytest.raises(ConfigurationError, match=words):
        load_engine(folder / "mine")


def test_a_descriptor_that_is_no_text_is_refused(folder: Path) -> None:
    (folder / "mine" / "engine.toml").write_bytes(b'name = "\xff"')
    with pytest.raises(ConfigurationError, match=r"engine\.toml: 'utf-8' codec"):
        load_engine(folder / "mine")


def test_a_tuning_gives_way_to_the_scenarios_own_settings() -> None:
    own = {"flink": {"flush_interval_ms": 7}}
    chosen = {"engines": ["flink", "spark"], "tuning": "latency", "engine_settings": own}
    found = tuned(load_scenario("main", chosen), []).engine_settings
    published = {engine.name: engine.tunings["latency"] for engine in find_engines(["flink", "spark"])}
    assert found == {"flink": published["flink"] | {"flush_interval_ms": 7}, "spark": published["spark"]}


def test_an_engine_without_the_tuning_is_named_and_one_without_any_runs_as_it_is(folder: Path) -> None:
    with pytest.raises(ConfigurationError, match="baseline has no tuning 'speed'") as caught:
        tuned(load_scenario("main", {"engines": ["baseline"], "tuning": "speed"}), [])
    assert "latency, throughput" in caught.value.fix
    assert tuned(load_scenario("main", {"engines": ["mine"], "tuning": "speed"}), [folder]).engine_settings == {}


def test_every_engine_publishes_both_tunings() -> None:
    for engine in find_engines(["spark", "flink", "baseline"]):
        assert set(engine.tunings) == {"latency", "throughput"}


def test_an_engine_without_the_route_is_named_with_the_way_out(folder: Path) -> None:
    check_route(find_engines(["spark", "flink", "baseline"]), "direct")
    check_route(find_engines(["mine"], [folder]), "kafka")
    both = find_engines(["baseline", "mine"], [folder])
    with pytest.raises(ConfigurationError, match="mine does not have the route 'direct', only kafka") as caught:
        check_route(both, "direct")
    assert "--route kafka" in caught.value.fix


@pytest.mark.parametrize("query", sorted(set(QUERIES) - {COUNTS}))
def test_spark_in_real_time_mode_has_counts_only_and_no_direct_route(query: str) -> None:
    engines = find_engines(["spark-rtm"])
    with pytest.raises(ConfigurationError, match="spark-rtm does not have the route 'direct', only kafka"):
        check_route(engines, "direct")
    with pytest.raises(ConfigurationError, match=f"spark-rtm does not have the query '{query}', only counts"):
        check_query(engines, query, [])


def test_a_mode_of_an_engine_runs_that_engines_code() -> None:
    mode, engine = find_engines(["spark-rtm", "spark"])
    assert mode.program == engine.program == ENGINES / "spark"


def test_an_engine_sees_the_contract_and_nothing_else_of_ours(tmp_path: Path) -> None:
    path = contract_path(tmp_path)
    assert [each.relative_to(path).as_posix() for each in path.rglob("*") if not each.is_symlink()] == ["engines"]
    assert (path / "engines" / "contract" / "record.py").is_file()


#: Parts of the names of settings that decide what a crash costs.
DURABILITY = ("checkpoint", "ack", "idempoten", "replica", "transaction", "commit", "fsync")


def test_no_tuning_of_ours_touches_durability() -> None:
    found = [
        f"{engine.name}: {tuning}.{setting}"
        for engine in all_engines([])
        for tuning, settings in engine.tunings.items()
        for setting in settings
        if any(part in setting for part in DURABILITY)
    ]
    assert found == []
