"""The wheel, built and installed as a user would, and run where no checkout is."""

import os
import re
import subprocess
import sys
import zipfile
from dataclasses import dataclass
from pathlib import Path

import pytest

from harness.provision.environments import find_uv, run_uv
from tests.deadlines import DEADLINE_S, RUN_DEADLINE_S
from tests.integration.tutorial import COMPARISON, results_in, tutorial

pytestmark = pytest.mark.integration

ROOT = Path(__file__).parents[2]
PACKAGES = ("engines", "harness", "loadtest", "reports", "viewer", "workloads")


@dataclass(frozen=True)
class Installed:
    """A wheel, and the environment that it is installed in."""

    wheel: Path
    home: Path

    @property
    def executable(self) -> str:
        """The command that the wheel brings."""
        return str(self.home / "bin" / "ringbench")

    @property
    def environment(self) -> dict[str, str]:
        """Nothing of the tests' own environment is on PATH."""
        return {"PATH": os.defpath, "VIRTUAL_ENV": ""}

    def answer(self, directory: Path, *arguments: str) -> str:
        """What `ringbench` prints, run in `directory`."""
        return subprocess.run(
            [self.executable, *arguments],
            cwd=directory,
            env=os.environ | self.environment | {"COLUMNS": "200"},
            capture_output=True,
            text=True,
            timeout=DEADLINE_S,
            check=True,
        ).stdout

    def shell(self, directory: Path, script: str) -> "subprocess.CompletedProcess[str]":
        """Run `script`, of commands of a checkout, in `directory`, where `./bootstrap` is that of the wheel."""
        bootstrap = directory / "bootstrap"
        bootstrap.write_text('#!/bin/sh\nexec "$@"\n', encoding="utf-8")
        bootstrap.chmod(0o700)
        inherited = {name: value for name, value in os.environ.items() if not name.startswith("RINGBENCH_R")}
        path = f"{self.home / 'bin'}{os.pathsep}{os.defpath}"
        return subprocess.run(
            ["bash", "-eu", "-c", script],
            cwd=directory,
            env=inherited | self.environment | {"PATH": path, "NO_COLOR": "1"},
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=RUN_DEADLINE_S,
        )


@pytest.fixture(scope="module")
def installed(tmp_path_factory: pytest.TempPathFactory) -> Installed:
    """The wheel that is made of the source distribution, with what it asks for in the versions of the lock."""
    directory = tmp_path_factory.mktemp("wheel")
    uv, home = find_uv(print), directory / "home"
    # The build's tools are those of this environment, so that nothing is fetched for it.
    own_tools = ["--no-build-isolation", "--python", sys.executable]
    run_uv(uv, ["build", *own_tools, "--out-dir", str(directory / "dist"), str(ROOT)], print)
    (wheel,) = (directory / "dist").glob("ringbench-*-py3-none-any.whl")
    assert len(list((directory / "dist").glob("ringbench-*.tar.gz"))) == 1
    run_uv(uv, ["venv", "--no-project", "--python", sys.executable, str(home)], print)
    constraint = ["--constraint", str(ROOT / "requirements" / "harness.lock")]
    run_uv(uv, ["pip", "install", "--python", str(home), *constraint, str(wheel)], print)
    return Installed(wheel, home)


def test_every_file_of_the_packages_is_in_the_wheel_and_no_other(installed: Installed) -> None:
    files = (path for package in PACKAGES for path in (ROOT / package).rglob("*") if path.is_file())
    expected = {str(path.relative_to(ROOT)) for path in files if "__pycache__" not in path.parts}
    found = {name for name in zipfile.ZipFile(installed.wheel).namelist() if ".dist-info/" not in name}
    assert found == expected


def test_it_says_its_version_and_that_all_is_there(installed: Installed, tmp_path: Path) -> None:
    assert f"-{installed.answer(tmp_path, '--version').split()[1]}-py3" in installed.wheel.name
    assert "Examples" in installed.answer(tmp_path, "run", "--help")
    installed.answer(tmp_path, "doctor")


def test_the_tutorial_runs_from_any_directory_one_with_names_like_its_own_too(
    installed: Installed, tmp_path: Path
) -> None:
    for package in PACKAGES:
        (tmp_path / package).mkdir()
        (tmp_path / package / "__init__.py").write_text("raise ImportError('of the user')\n", encoding="utf-8")
    done = installed.shell(tmp_path, tutorial(without=COMPARISON))
    assert done.returncode == 0, done.stdout + done.stderr
    (found,) = results_in(tmp_path)
    (engine,) = found["engines"]
    assert found["valid"] and found["truth"]["agrees_with_seed"]
    assert found["environment"]["commit"] is None, "there is no checkout"
    assert found["environment"]["packages"]["confluent-kafka"].startswith("2.16.")
    assert re.findall(r"^baseline pass [\d.]+ ms$", done.stdout, re.MULTILINE)
    assert len(re.findall(r"^\+1\d+,", done.stdout, re.MULTILINE)) == 3, "records that were shown"
    assert engine["verdict"] == "pass" and len(list(tmp_path.glob("runs/*/report.html"))) == 1
