"""What a release consists of: one version everywhere, workflows that can be read, links that lead somewhere."""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest
import yaml
from PIL import Image
from tools import links, release

import exemplum
from exemplum.study import pipeline
from exemplum.study.folder import STAGES, Study

ROOT = Path(__file__).resolve().parents[1]
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
FINGERPRINTS = """
import sys
from pathlib import Path
from exemplum import __version__
from exemplum.study import pipeline
from exemplum.study.folder import Study

study = Study.open(Path(sys.argv[1]))
print(__version__)
for name in pipeline.MODULES:
    print(name, pipeline.stage(name).fingerprint(study))
"""
WORKFLOWS = sorted((ROOT / ".github" / "workflows").glob("*.yml"))


def jobs(workflow: str) -> dict:
    return yaml.safe_load((ROOT / ".github" / "workflows" / workflow).read_text(encoding="utf-8"))["jobs"]


@pytest.fixture
def released(tmp_path) -> Path:
    """The files that say a version, as they are on the day of the release."""
    for name in ("pyproject.toml", "CHANGELOG.md", "CITATION.cff"):
        shutil.copy(ROOT / name, tmp_path)
    text = (tmp_path / "CHANGELOG.md").read_text(encoding="utf-8")
    text = re.sub(r"^(## \S+) \(.+\)$", r"\1 (2026-12-01)", text, count=1, flags=re.MULTILINE)
    (tmp_path / "CHANGELOG.md").write_text(text, encoding="utf-8")
    return tmp_path


def test_package_changelog_and_citation_say_one_version(released):
    assert list(release.faults(released, f"v{PROJECT['version']}")) == []


@pytest.mark.parametrize(
    ("file", "old", "new", "told"),
    [
        ("pyproject.toml", 'version = "', 'version = "9', "the tag is"),
        ("CHANGELOG.md", "## ", "## 9", "CHANGELOG.md begins with 9"),
        ("CHANGELOG.md", "(2026-12-01)", "(unreleased)", "has no date"),
        ("CITATION.cff", "\nversion: ", "\nversion: 9", "CITATION.cff says 9"),
    ],
)
def test_another_version_anywhere_stops_the_release(file, old, new, told, released):
    text = (released / file).read_text(encoding="utf-8")
    (released / file).write_text(text.replace(old, new, 1), encoding="utf-8")
    assert any(told in fault for fault in release.faults(released, f"v{PROJECT['version']}"))


def fingerprints(folder: Path, site: Path, version: str) -> tuple[str, list[str]]:
    """The version that Python tells of an installation, and the fingerprints of a study's stages by it."""
    about = site / f"exemplum-{version}.dist-info"
    about.mkdir(parents=True)
    (about / "METADATA").write_text(f"Metadata-Version: 2.1\nName: exemplum\nVersion: {version}\n")
    path = os.pathsep.join([str(site), *sys.path])
    done = subprocess.run(
        [sys.executable, "-c", FINGERPRINTS, folder], env=os.environ | {"PYTHONPATH": path}, capture_output=True,
        text=True, check=True,
    )  # fmt: skip
    told, *found = done.stdout.splitlines()
    return told, found


def test_an_upgrade_alone_makes_no_stage_anew(tmp_path):
    (tmp_path / "mine.py").write_text("from exemplum.explanations.natural import pictures as exemplars\n")
    (tmp_path / "images").mkdir()
    Image.new("RGB", (64, 64), "red").save(tmp_path / "images" / "red.png")
    (tmp_path / "study.toml").write_text(
        '[images]\nload = "folder:images"\n'
        '[explanations]\nmethods = ["natural", "mine:exemplars"]\n'
        '[observers]\nrun = ["ideal", "similarity"]\n'
    )
    study = Study.open(tmp_path)
    for name in STAGES:
        study.finish(name, "made", 0.0, {})
    told, upgraded = fingerprints(tmp_path, tmp_path / "site", "9.9.9")
    assert told == "9.9.9" != exemplum.__version__
    assert upgraded == [f"{name} {pipeline.stage(name).fingerprint(study)}" for name in pipeline.MODULES]


def test_every_python_of_the_classifiers_is_tested():
    prefix = "Programming Language :: Python :: 3."
    said = {line.removeprefix(prefix) for line in PROJECT["classifiers"] if line.startswith(prefix)}
    assert {f"3.{minor}" for minor in said} == set(jobs("tests.yml")["linux"]["strategy"]["matrix"]["python"])


@pytest.mark.parametrize("workflow", WORKFLOWS, ids=lambda path: path.name)
def test_what_workflows_run_is_there(workflow):
    """Targets of the Makefile, modules of tools/, folders of tests: a name that is gone would fail only at the host."""
    text = workflow.read_text(encoding="utf-8")
    targets = set(re.findall(r"^(\w+):", (ROOT / "Makefile").read_text(encoding="utf-8"), re.MULTILINE))
    assert set(re.findall(r"\bmake (\w+)", text)) <= targets
    for module in re.findall(r"-m tools\.(\w+)", text):
        assert (ROOT / "tools" / f"{module}.py").exists(), module
    for path in re.findall(r"\btests/[\w/.]+", text):
        assert (ROOT / path).exists(), path
    for job in jobs(workflow.name).values():
        assert ("uses" in job) != ("runs-on" in job)  # a job is a workflow of its own, or steps on a machine
        if "uses" in job:
            assert (ROOT / job["uses"]).exists()


def test_lint_tests_and_docs_are_those_of_the_makefile():
    steps = {name: [step.get("run") for step in job.get("steps", ())] for name, job in jobs("tests.yml").items()}
    assert "make lint" in steps["lint"]
    assert "make test" in steps["linux"]
    assert {"make docs", "make tutorials"} <= set(steps["docs"])


def test_only_the_publishing_job_may_ask_for_an_identity():
    permissions = {name: job.get("permissions", {}) for name, job in jobs("publish.yml").items()}
    assert [name for name, given in permissions.items() if "id-token" in given] == ["publish"]
    assert jobs("publish.yml")["publish"]["needs"] == "tests"
    assert jobs("publish.yml")["tests"]["needs"] == "version"


@pytest.mark.parametrize(
    "file",
    [
        ".pre-commit-config.yaml",
        "CITATION.cff",
        *(f".github/ISSUE_TEMPLATE/{n}.yml" for n in ("bug", "idea", "config")),
    ],
)
def test_other_yaml_can_be_read(file):
    assert isinstance(yaml.safe_load((ROOT / file).read_text(encoding="utf-8")), dict)


def test_every_link_of_the_docs_leads_somewhere():
    assert list(links.broken(ROOT)) == []


def test_broken_links_are_found(tmp_path):
    (tmp_path / "docs").mkdir()
    (tmp_path / "docs" / "other.md").write_text("# Two words: `code`, [x](y)\n\n## Again\n## Again\n")
    (tmp_path / "README.md").write_text(
        "[a](docs/other.md#two-words-code-x) [b](docs/other.md#again-1) [c](https://nowhere.example) `[d](no.md)`\n"
        "```\n[e](no.md)\n```\n[f](docs/gone.md) [g](docs/other.md#again-2)\n"
    )
    cells = [{"cell_type": "code", "source": "[h](no.md)"}, {"cell_type": "markdown", "source": "[i](other.md) [j](z)"}]
    (tmp_path / "docs" / "n.ipynb").write_text(json.dumps({"cells": cells}))
    assert list(links.broken(tmp_path)) == ["README.md:5: docs/gone.md", "README.md:5: docs/other.md#again-2",
                                            "docs/n.ipynb:1: z", "docs/other.md:1: y"]  # fmt: skip
