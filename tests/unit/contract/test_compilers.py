"""An engine's JVM has the compilers that its setting says, and that can be read back."""

from types import SimpleNamespace as Java

import pytest

from engines.contract.compilers import compiler_options, jvm_in_use


def jvm_of(arguments: list[str]) -> Java:
    """A JVM with `arguments`, as far as Py4J shows it here."""
    bean = Java(getInputArguments=lambda: arguments)
    management = Java(ManagementFactory=Java(getRuntimeMXBean=lambda: bean))
    return Java(java=Java(lang=Java(management=management, System=Java(getProperty="of {}".format))))


@pytest.mark.parametrize("setting", ["both", "quick"])
def test_the_setting_decides_on_the_compilers(setting: str) -> None:
    found = jvm_in_use(jvm_of(["-Xmx2g", *compiler_options(setting)]))
    assert found == {"java.version": "of java.version", "compilers": setting}


def test_the_quick_compiler_alone_has_as_much_room_for_its_code_as_both() -> None:
    assert "-XX:ReservedCodeCacheSize=240m" in compiler_options("quick")


def test_another_setting_is_an_error_that_names_those_there_are() -> None:
    with pytest.raises(ValueError, match="compilers is 'c1'; expected both or quick"):
        compiler_options("c1")
