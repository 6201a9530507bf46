"""An engine's JVM has the compilers that its setting says, and that can be read back."""

import pytest

from engines.contract.compilers import compiler_options, compilers_in_use


@pytest.mark.parametrize("setting", ["both", "quick"])
def test_the_setting_decides_on_the_compilers(setting: str) -> None:
    assert compilers_in_use(["-Xmx2g", *compiler_options(setting)]) == setting


def test_the_quick_compiler_alone_has_as_much_room_for_its_code_as_both() -> None:
    assert "-XX:ReservedCodeCacheSize=240m" in compiler_options("quick")


def test_another_setting_is_an_error_that_names_those_there_are() -> None:
    with pytest.raises(ValueError, match="compilers is 'c1'; expected both or quick"):
        compiler_options("c1")
