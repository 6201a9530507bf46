"""Maps by name: each reads a file of its format, and has a section in the documents."""

import json
import tempfile
from pathlib import Path

import pytest
import yaml

from harness.errors import ConfigurationError
from harness.input.dump import lines
from harness.input.reading import read_input, refuse_rows
from harness.scenarios.loading import INPUT_SCENARIO, InputOptions, load_scenario
from harness.scenarios.presets import map_path, preset_names, preset_path, preset_summary

CASES = Path(__file__).parent / "cases"
DOCUMENT = Path(__file__).parents[4] / "docs" / "input-presets.md"
#: A file of each format, with the records that are to come of it, or their number.
FILES: dict[str, tuple[str, str | int]] = {
    "3cx": ("06-3cx/cdr.log", "06-3cx/want.json"),
    "asterisk": ("01-asterisk/Master.csv", "01-asterisk/want.json"),
    "avaya": ("07-avaya-smdr/smdr.csv", "07-avaya-smdr/want.json"),
    "bandicoot": ("12b-bandicoot/ego.csv", "12b-bandicoot/want.json"),
    "cgrates": ("10-cgrates-go-duration/cdrs.csv", "10-cgrates-go-duration/want.json"),
    "cucm": ("05-cucm/cdr_StandAloneCluster_01_202403050900_1.csv", "05-cucm/want.json"),
    "d4d": ("13-d4d/SET2_P01.CSV", "13-d4d/want.json"),
    "freeswitch": ("02b-freeswitch-inner-quotes/Master.csv", "02-freeswitch/want.json"),
    "kamailio": ("35-flat-two-widths/acc.log", "35-flat-two-widths/want.json"),
    "milan": ("03b-milan-trimmed/sms-call-internet-mi-2013-11-01.txt", 742),
    "milan-kaggle": ("04-milan-kaggle/sms-call-internet-mi-2013-11-01.csv", 2247),
    "voip-innovations": ("48-voip-innovations/20180203_20180203.CDR", "48-voip-innovations/want.json"),
    "yeti": ("09-yeti-utc/cdr.csv", "09-yeti-utc/want.json"),
}
#: How far the files' clocks are behind UTC, which their formats do not tell.
BEHIND_UTC_MS = {"asterisk": 8 * 3_600_000}


@pytest.mark.parametrize("name", preset_names())
def test_a_preset_reads_a_file_of_its_format(name: str) -> None:
    file, want = FILES[name]
    options = InputOptions(path=str(CASES / file), map_file=Path(f"preset:{name}"))
    section = load_scenario(str(INPUT_SCENARIO), {}, options).input
    assert section
    with tempfile.TemporaryDirectory() as work:
        reading = read_input(section, 1, Path(work), lambda _: None)
    refuse_rows(section, reading)
    read = [json.loads(line) for line in lines(reading)]
    if isinstance(want, int):
        assert len(read) == want
        return
    behind_ms = BEHIND_UTC_MS.get(name, 0)
    wanted = [(end - behind_ms, length, kind) for end, length, _, kind in json.loads((CASES / want).read_text())]
    assert sorted((end, length, kind) for end, length, _, kind in read) == sorted(wanted)


@pytest.mark.parametrize("name", preset_names())
def test_a_preset_says_what_it_is_for_here_and_in_the_documents(name: str) -> None:
    assert len(preset_summary(name)) > 20
    assert f"### `{name}`" in DOCUMENT.read_text(encoding="utf-8")


@pytest.mark.parametrize("name", preset_names())
def test_where_times_have_no_zone_a_preset_says_so(name: str) -> None:
    text = preset_path(name).read_text(encoding="utf-8")
    found = yaml.safe_load(text)
    assert "timezone" in text or found["time"] in ("s", "ms") or name in ("cgrates", "yeti"), "their times have a zone"


def test_a_preset_that_is_not_there_is_refused_with_those_that_are() -> None:
    with pytest.raises(ConfigurationError, match=r"preset:asterix.*did you mean 'asterisk'") as error:
        map_path(Path("preset:asterix"))
    assert all(name in error.value.fix for name in preset_names())


def test_what_is_no_preset_is_a_file() -> None:
    assert map_path(Path("maps/preset.yaml")) == Path("maps/preset.yaml")
