"""The workflow of docs/examples, its config and its gates: as GitHub runs them, on a push and on pull requests."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from xml.etree import ElementTree as ET

import pytest
import yaml
from helpers.paths import ROOT
from helpers.quick_command import command_in

pytestmark = pytest.mark.long

EXAMPLES = ROOT / "docs" / "examples"
WORKFLOW: dict[str, Any] = yaml.safe_load((EXAMPLES / "regression.yml").read_text(encoding="utf-8"))
STEPS: list[dict[str, Any]] = WORKFLOW["jobs"]["compare"]["steps"]
ARTIFACT = "https://github.com/o/r/actions/runs/1/artifacts/2"
GH = """\
#!/bin/bash
printf "%s\\n" "$@" > gh_arguments
while [ $# -gt 0 ]; do
  [ "$1" = --body-file ] && cp "$2" gh_comment
  shift
done
"""
"""A stand-in for GitHub: its command line tool keeps the comment."""


@dataclass(frozen=True)
class Job:
    """Result of a job: exit code of the step that failed, or 0; its log; what GitHub shows."""

    code: int
    log: str
    folder: Path

    @property
    def summary(self) -> str:
        return (self.folder / "summary").read_text(encoding="utf-8")

    @property
    def comment(self) -> str:
        return (self.folder / "gh_comment").read_text(encoding="utf-8")


@dataclass(frozen=True)
class GitHub:
    """Runs the steps of the workflow in checkouts below `folder`; `cache` keeps what a push saves."""

    folder: Path
    path: str

    @property
    def cache(self) -> Path:
        return self.folder / "cache"

    def job(self, name: str, event: str, *, edit: Callable[[Path], object] = lambda _: None, run: str = "") -> Job:
        """Check out, let `edit` change the checkout, and run all steps; `run` replaces the step Compare."""
        place = self.folder / name
        place.mkdir()
        shutil.copytree(EXAMPLES / "bench", place / "bench")
        edit(place)
        values = {
            "github.workspace": str(place),
            "github.token": "secret",
            "github.sha": name,
            "github.event.pull_request.number": "7",
            "steps.upload.outputs.artifact-url": ARTIFACT,
        }
        code, log = 0, ""
        for step in STEPS:
            if step.get("name") == "Install" or not self._wanted(step, event, code):
                continue
            if "uses" in step:
                self._use(step, place, values)
                continue
            script = run if run and step["name"] == "Compare" else step["run"]
            done = subprocess.run(
                ["bash", "--noprofile", "--norc", "-eo", "pipefail", "-c", script],
                cwd=place,
                env=self._environment(place, step.get("env", {}), values),
                stdout=subprocess.PIPE,
                stderr=subprocess.STDOUT,
                text=True,
                check=False,
            )
            log += done.stdout
            code = code or done.returncode
        return Job(code, log, place)

    def _environment(self, place: Path, own: Mapping[str, str], values: Mapping[str, str]) -> dict[str, str]:
        given = {**WORKFLOW["env"], **own}
        filled = {key: re.sub(r"\$\{\{ *([\w.-]+) *\}\}", lambda m: values[m[1]], text) for key, text in given.items()}
        kept = {key: os.environ[key] for key in ("HOME", "PYTHONPATH", "OMP_NUM_THREADS") if key in os.environ}
        return {**kept, "PATH": self.path, "GITHUB_STEP_SUMMARY": str(place / "summary"), **filled}

    @staticmethod
    def _wanted(step: Mapping[str, Any], event: str, code: int) -> bool:
        """The condition of a step; without always(), every step before must have passed."""
        condition = str(step.get("if", "true"))
        terms = {
            "always()": True,
            "true": True,
            **{f"github.event_name == '{e}'": e == event for e in ("push", "pull_request")},
        }
        found = [terms[term.strip()] for term in condition.split("&&")]
        return all(found) and (code == 0 or "always()" in condition)

    def _use(self, step: Mapping[str, Any], place: Path, values: Mapping[str, str]) -> None:
        action, given = step["uses"].partition("@")[0], step.get("with", {})
        if action in {"actions/checkout", "actions/setup-python", "actions/upload-artifact"}:
            return
        source, target = (self.cache, place) if action == "actions/cache/restore" else (place, self.cache)
        assert action in {"actions/cache/restore", "actions/cache/save"}
        for path in given["path"].split():
            if (source / path).exists():
                shutil.copytree(source / path, target / path, dirs_exist_ok=True)


@pytest.fixture(scope="module")
def github(tmp_path_factory: pytest.TempPathFactory) -> Iterator[GitHub]:
    """A repository whose main branch was pushed once."""
    folder = tmp_path_factory.mktemp("w")
    (folder / "bin").mkdir()
    (folder / "bin" / "gh").write_text(GH)
    (folder / "bin" / "gh").chmod(0o755)
    path = os.pathsep.join([str(folder / "bin"), str(Path(sys.executable).parent), os.environ["PATH"]])
    with command_in(folder / "bin"):
        hub = GitHub(folder, path)
        pushed = hub.job("main", "push")
        assert pushed.code == 0, pushed.log
        assert (hub.cache / "runs" / "base" / "run.json").is_file()
        yield hub


def replaced(name: str, old: str, new: str) -> Callable[[Path], object]:
    """An edit of one file of a checkout."""

    def edit(place: Path) -> None:
        text = (place / name).read_text(encoding="utf-8")
        assert old in text
        (place / name).write_text(text.replace(old, new), encoding="utf-8")

    return edit


def candidate_of(github: GitHub) -> Callable[[Path], object]:
    """An edit that puts the run of main in the place of the candidate, which saves making it again."""
    return lambda place: shutil.copytree(github.cache / "runs" / "base", place / "runs" / "candidate")


def test_no_regression(github: GitHub) -> None:
    job = github.job("same", "pull_request")
    assert job.code == 0, job.log
    assert job.comment.startswith("### ✅ No regression: ")
    assert job.summary == job.comment


def test_a_regression_fails_and_is_told(github: GitHub) -> None:
    job = github.job("worse", "pull_request", edit=replaced("bench/extract.py", "STRENGTH = 0.1", "STRENGTH = 0.6"))
    assert job.code == 1, job.log
    assert job.comment.startswith("### ❌ Regression: ")
    assert "si_sdri<-0.2" in job.comment.replace("\\", "")
    assert f"with the players: [compared]({ARTIFACT})" in job.comment
    assert re.findall(r"\]\(([^)]*)\)", job.comment) == [ARTIFACT]
    assert (job.folder / "compared" / "listen.html").is_file()
    root = ET.parse(job.folder / "compared" / "junit.xml").getroot()
    assert int(root[0].attrib["failures"]) > 0
    assert "secret" not in job.log
    assert (job.folder / "gh_arguments").read_text().split()[:3] == ["pr", "comment", "7"]


def test_a_wrong_gate_is_told(github: GitHub) -> None:
    (compare,) = (step["run"] for step in STEPS if step.get("name") == "Compare")
    gates = compare.replace("estoi<-0.02", "wer>+1.0")
    job = github.job("gate", "pull_request", run=gates, edit=candidate_of(github))
    assert job.code == 2, job.log
    assert job.comment.startswith("### ⚠️ Not compared")
    assert "unknown metric 'wer'" in job.comment.replace("\\", "")
    assert job.summary == job.comment


def test_failed_trials_are_told(github: GitHub) -> None:
    written = "    soundfile.write("
    lost = replaced("bench/extract.py", written, f'    if query["id"].endswith("3_s1"):\n        continue\n{written}')
    job = github.job("failed", "pull_request", edit=lost)
    assert job.code == 3, job.log
    assert job.comment.startswith("### ⚠️ Incomplete: trials are missing")
    assert "test-000003_s1" in job.comment.replace("\\", "")


def test_a_config_that_is_wrong_is_told(github: GitHub) -> None:
    job = github.job("config", "pull_request", edit=replaced("bench/run.yaml", "estoi]", "estoy]"))
    assert job.code == 2
    assert "unknown metric 'estoy'; did you mean 'estoi'" in job.log
    assert job.comment.startswith("### ⚠️ Not compared: an earlier step failed")


def test_without_a_base_run_the_fix_is_told(github: GitHub, tmp_path: Path) -> None:
    job = GitHub(tmp_path, github.path).job("first", "pull_request", edit=candidate_of(github))
    assert job.code == 2
    assert job.comment.startswith("### ⚠️ There is no base run yet: push to main first.")


@pytest.mark.slow
@pytest.mark.long
def test_the_step_install_installs_the_command(tmp_path: Path) -> None:
    left = shutil.ignore_patterns(".*", "__pycache__", "build", "dist", "runs", "data", "tests", "zoo", "*.egg-info")
    shutil.copytree(ROOT, tmp_path / "source", ignore=left)
    (step,) = (step for step in STEPS if step.get("name") == "Install")
    offline = {
        "PIP_NO_INDEX": "1",
        "PIP_NO_DEPS": "1",
        "PIP_NO_BUILD_ISOLATION": "0",
        "PIP_TARGET": str(tmp_path / "site"),
    }
    path = os.pathsep.join([str(Path(sys.executable).parent), os.environ["PATH"]])
    environment = {**os.environ, **offline, "PATH": path, "TSEBENCH": str(tmp_path / "source")}
    done = subprocess.run(
        ["bash", "-e", "-c", step["run"]], cwd=tmp_path, env=environment, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stdout + done.stderr
    assert (tmp_path / "site" / "bin" / "tsebench").is_file()
