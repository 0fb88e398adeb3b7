"""The PDF of every kind of page, made by the machine's Chromium without a driver."""

import re

import pytest
from typer.testing import CliRunner

from exemplum.cli import app
from exemplum.errors import UserError
from exemplum.server.pages import chromium
from server.browser.conftest import TINY
from server.browser.test_preview import KINDS


@pytest.mark.slow
@pytest.mark.usefixtures("pages", "chromium")
def test_the_pdf_has_every_kind_of_page(tiny, tmp_path):
    folder, out = tiny(1, "borowski2021-1", tuple(TINY.items())), tmp_path / "a.pdf"
    before = written(folder)
    asked = ["preview", str(folder), "--pdf", "--language", "de", "--size", "1024x768", "--out", str(out)]
    done = CliRunner().invoke(app, asked, catch_exceptions=False)
    assert done.exit_code == 0
    said = int(re.search(r"(\d+) pages", done.output + done.stderr)[1])
    pdf = out.read_bytes()
    assert pdf.startswith(b"%PDF-")
    assert len(re.findall(rb"/Type\s*/Page\b(?!s)", pdf)) == said + 1  # and the list of them
    assert len(re.findall(rb"/Subtype\s*/Image", pdf)) == said
    assert said > len(KINDS) + 8
    assert b"/Width 2048" in pdf
    after = written(folder)
    assert {path: after[path] for path in before} == before
    # the study's id, which every command makes where there is none, and the server's store of images
    assert {path.name for path in after.keys() - before.keys() if "images" not in path.parts} == {"study.json"}


def written(folder):
    return {path: path.stat().st_mtime_ns for path in folder.rglob("*") if path.is_file()}


def test_without_chromium_it_says_what_to_install(monkeypatch):
    monkeypatch.setenv("PATH", "")
    with pytest.raises(UserError, match=r"no Chromium or Chrome was found; install one .*apt install chromium"):
        chromium.find_chromium()
    monkeypatch.setenv(chromium.VARIABLE, "/nowhere/chrome")
    with pytest.raises(UserError, match="EXEMPLUM_CHROMIUM names /nowhere/chrome"):
        chromium.find_chromium()


@pytest.mark.usefixtures("chromium")  # or there is none
def test_a_program_that_is_no_browser_is_named(monkeypatch, tmp_path):
    (program := tmp_path / "browser").write_text("#!/bin/sh\nexit 1\n")
    program.chmod(0o755)
    monkeypatch.setenv(chromium.VARIABLE, str(program))
    with pytest.raises(UserError, match="ended by itself"), chromium.chromium():
        pass


@pytest.mark.usefixtures("pages")
def test_what_cannot_be_shown_is_named(tiny):
    folder = str(tiny(1, "borowski2021-1", tuple(TINY.items())))
    for option, value, said in (
        ("--size", "1280", "--size must be WIDTHxHEIGHT"), ("--size", "1280x99999", "from 300 to 5000"),
        ("--language", "fr", "languages has en, de"), ("--place", "3", "1 to 2 (got 3)"),
    ):  # fmt: skip
        with pytest.raises(UserError) as refused:
            CliRunner().invoke(app, ["preview", folder, "--pdf", option, value], catch_exceptions=False)
        assert said in str(refused.value)
