"""What runs Ringbench in others' build pipelines: valid by the makers' schemas, and what its scripts do."""

import json
import os
import re
import subprocess
from collections.abc import Mapping
from importlib.resources import files
from pathlib import Path
from typing import Any

import jsonschema
import pytest
import yaml

ROOT = Path(__file__).parents[3]
CI = ROOT / "deploy" / "ci"
#: Stands in for `bootstrap ringbench`: notes what it is asked in which checkout, and leaves a result.
PROGRAM = """#!/usr/bin/env bash
printf '%s|' "$(cat version)" "$@" >>"$LOG"
echo >>"$LOG"
if [ "$2" = run ]; then
  folder=${!#}
  mkdir -p "$folder/20260101T000000-abc123"
  echo '{}' >"$folder/20260101T000000-abc123/result.json"
  eval "exit \\${RUN_CODE_$(cat version):-0}"
fi
echo "a table"
exit "${COMPARE_CODE:-0}"
"""
GH = """#!/usr/bin/env bash
printf '%s|' "$@" >>"$LOG"
echo >>"$LOG"
case "$*" in *--paginate*) printf '%s' "$FOUND" ;; *) cat "${!##body=@}" >>"$LOG" ;; esac
"""


def _schema(name: str) -> Any:
    """A schema of the maker's own, as check-jsonschema brings it."""
    path = files("check_jsonschema") / "builtin_schemas" / "vendor" / f"{name}.json"
    return json.loads(path.read_text(encoding="utf-8"))


def _read(text: str) -> Any:
    """YAML 1.2's way with `on`, which is a word there."""
    return yaml.safe_load(re.sub(r"^on:", '"on":', text, flags=re.MULTILINE))


def _examples() -> list[Any]:
    """The YAML examples of the page, in order."""
    page = (ROOT / "docs" / "ci.md").read_text(encoding="utf-8")
    return [_read(text) for text in re.findall(r"```yaml\n(.*?)```", page, re.DOTALL)]


def _valid(found: Any, schema: str) -> None:
    jsonschema.validators.validator_for(_schema(schema))(_schema(schema)).validate(found)


def test_the_action_the_template_and_the_examples_are_valid_by_their_makers_schemas() -> None:
    workflow, pipeline = _examples()
    template = _read((CI / "ringbench.gitlab-ci.yml").read_text(encoding="utf-8"))
    _valid(_read((ROOT / "action.yml").read_text(encoding="utf-8")), "github-actions")
    _valid(workflow, "github-workflows")
    _valid(template, "gitlab-ci")
    _valid(pipeline | template, "gitlab-ci")
    with pytest.raises(jsonschema.ValidationError):
        _valid({"name": "x", "runs": {"using": "composite"}}, "github-actions")


def test_the_examples_use_inputs_and_variables_that_there_are() -> None:
    action = _read((ROOT / "action.yml").read_text(encoding="utf-8"))
    template = _read((CI / "ringbench.gitlab-ci.yml").read_text(encoding="utf-8"))
    workflow, pipeline = _examples()
    (step,) = (each for job in workflow["jobs"].values() for each in job["steps"] if "ringbench" in each["uses"])
    assert step["with"].keys() <= action["inputs"].keys()
    (job,) = (each for name, each in pipeline.items() if name != "include")
    assert job["extends"] == ".ringbench"
    assert job["variables"].keys() <= template[".ringbench"]["variables"].keys()


def test_the_page_has_every_input_and_every_variable() -> None:
    page = (ROOT / "docs" / "ci.md").read_text(encoding="utf-8")
    action = _read((ROOT / "action.yml").read_text(encoding="utf-8"))
    template = _read((CI / "ringbench.gitlab-ci.yml").read_text(encoding="utf-8"))
    named = re.findall(r"^\| `(\w+)` \|", page, re.MULTILINE)
    variables = [name for name in template[".ringbench"]["variables"] if name.startswith("BENCH_")]
    assert sorted(each for each in named) == sorted([*action["inputs"], *variables])


def test_other_actions_are_pinned_to_commits_and_inputs_reach_the_shell_by_the_environment_alone() -> None:
    steps = _read((ROOT / "action.yml").read_text(encoding="utf-8"))["runs"]["steps"]
    assert all(re.fullmatch(r"[\w/-]+@[0-9a-f]{40}", each["uses"]) for each in steps if "uses" in each)
    shell = [each["run"] for each in steps if "run" in each]
    assert shell and not any("${{" in each for each in shell)
    for each in steps:
        for variable in re.findall(r"\$([A-Z_]+)", each.get("run", "")):
            assert variable in each.get("env", {}) or variable.startswith("GITHUB_"), (each["name"], variable)


# The scripts


@pytest.fixture
def checkout(tmp_path: Path) -> Path:
    """A repository of two commits, whose file `version` says `old` and `new`."""
    folder = tmp_path / "checkout"
    folder.mkdir()
    _git(folder, "init", "-q")
    for version in ("old", "new"):
        (folder / "version").write_text(version, encoding="utf-8")
        _git(folder, "add", ".")
        _git(folder, "-c", "user.name=x", "-c", "user.email=x", "commit", "-q", "-m", version)
    return folder


def _git(folder: Path, *arguments: str) -> None:
    subprocess.run(["git", *arguments], cwd=folder, check=True, capture_output=True)


def _program(path: Path, text: str) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text, encoding="utf-8")
    path.chmod(0o755)
    return path


def _bench(checkout: Path, **variables: str) -> tuple[int, list[str], Path]:
    """Exit code, what the program was asked, and where the results are."""
    parent = checkout.parent
    program, log = _program(parent / "bootstrap", PROGRAM), parent / "log"
    own = {"BENCH_PROGRAM": str(program), "BENCH_OUT": str(parent / "out"), "LOG": str(log)}
    done = _bash(CI / "bench.sh", checkout, own | variables)
    return done.returncode, log.read_text(encoding="utf-8").splitlines() if log.exists() else [], parent / "out"


def _bash(
    script: Path, folder: Path, variables: Mapping[str, str], *arguments: str
) -> subprocess.CompletedProcess[str]:
    environment = os.environ | dict(variables)
    return subprocess.run(
        ["bash", str(script), *arguments], cwd=folder, env=environment, capture_output=True, text=True, check=False
    )


def test_both_commits_run_in_checkouts_of_their_own_with_the_same_arguments_and_are_compared(checkout: Path) -> None:
    asked = {"BENCH_RUN": "smoke\n--contestant=a=x:y=1 2\n\n", "BENCH_COMPARE": "--max-regression=10"}
    code, log, out = _bench(checkout, BENCH_BASE="HEAD~1", **asked)
    assert code == 0
    run = "ringbench|run|smoke|--contestant=a=x:y=1 2|--runs-dir"
    runs = [f"{out}/{each}/20260101T000000-abc123" for each in ("base", "head")]
    files = f"--html|{out}/comparison.html|--junit|{out}/comparison.xml"
    assert log == [
        f"old|{run}|{out}/base|",
        f"new|{run}|{out}/head|",
        f"new|ringbench|compare|{'|'.join(runs)}|--format|md|{files}|--max-regression=10|",
    ]
    assert (out / "comparison.md").read_text(encoding="utf-8") == "a table\n"
    done = subprocess.run(["git", "worktree", "list"], cwd=checkout, capture_output=True, text=True, check=True)
    assert len(done.stdout.splitlines()) == 1


@pytest.mark.parametrize(
    ("codes", "expected"),
    [
        ({"COMPARE_CODE": "1"}, 1),
        ({"RUN_CODE_new": "3", "COMPARE_CODE": "1"}, 3),
        ({"RUN_CODE_old": "1"}, 0),
    ],
)
def test_the_exit_code_is_that_of_the_commits_run_or_of_the_comparison(
    checkout: Path, codes: dict[str, str], expected: int
) -> None:
    assert _bench(checkout, BENCH_BASE="HEAD~1", BENCH_RUN="smoke", **codes)[0] == expected


def test_without_a_base_nothing_is_compared(checkout: Path) -> None:
    code, log, _ = _bench(checkout, BENCH_BASE="", BENCH_RUN="smoke")
    assert (code, len(log)) == (0, 1)


def test_a_base_that_is_an_option_or_unknown_ends_it(checkout: Path) -> None:
    for base in ("--upload-pack=touch x", "no-such-commit"):
        code, log, _ = _bench(checkout, BENCH_BASE=base, BENCH_RUN="smoke")
        assert code != 0 and log == []
    assert not (checkout / "x").exists()


@pytest.mark.parametrize(
    ("found", "method"), [("", "POST|repos/a/b/issues/7/comments"), ("12\n13\n", "PATCH|repos/a/b/issues/comments/12")]
)
def test_there_is_one_comment_which_is_written_anew(tmp_path: Path, found: str, method: str) -> None:
    _program(tmp_path / "bin" / "gh", GH)
    (tmp_path / "table.md").write_text("a table\n", encoding="utf-8")
    variables = {"PATH": f"{tmp_path / 'bin'}:{os.environ['PATH']}", "FOUND": found, "LOG": str(tmp_path / "log")}
    done = _bash(CI / "comment.sh", tmp_path, variables | {"REPOSITORY": "a/b", "NUMBER": "7"}, "table.md")
    assert done.returncode == 0, done.stderr
    listed, written, marker, table = (tmp_path / "log").read_text(encoding="utf-8").splitlines()
    assert "--paginate|repos/a/b/issues/7/comments" in listed
    assert f"--method|{method}|" in written
    assert (marker, table) == ("<!-- ringbench -->", "a table")
