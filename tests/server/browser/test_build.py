"""What the build makes of web/: current, small, and nothing in it that leads to another host."""

from __future__ import annotations

import re
import tomllib
from collections.abc import Iterator

import pytest

from building import ROOT, axe_core

TEXTS = ROOT / "src" / "exemplum" / "design" / "languages"


@pytest.mark.usefixtures("pages")
def test_an_unchanged_tree_is_not_built_again(hook):
    assert hook.build(ROOT) is False


@pytest.mark.usefixtures("pages")
def test_page_and_style_name_no_other_host(hook):
    """Scripts hold the addresses of papers to cite; that they ask no other host is seen in whole sessions."""
    built = [path for path in (ROOT / hook.STATIC).rglob("*") if path.suffix in (".css", ".html")]
    assert len(built) == 3  # the participant's page, the preview, and the style of both
    for path in built:
        text = path.read_text(encoding="utf-8")
        assert "@font-face" not in text
        assert not re.findall(r"https?://[\w.-]+", text), path.name


def test_the_preview_is_drawn_in_the_same_document():
    """Its body is the participant's, but for a word to browsers without scripts."""
    session, preview = ((ROOT / "web" / name).read_text(encoding="utf-8") for name in ("index.html", "preview.html"))
    body = re.sub("<noscript>.*</noscript>", "", session.partition("<body>")[2])
    assert preview.partition("<body>")[2] == body


def test_the_lock_file_names_no_registry():
    assert '"resolved"' not in (ROOT / "web" / "package-lock.json").read_text(encoding="utf-8")


def test_the_pages_own_tests_pass(hook):
    axe_core()  # so that the development dependencies are there
    hook.npm(["test"], ROOT / "web")


def test_english_and_german_have_the_same_texts_and_placeholders():
    texts = {
        language: dict(_flat(tomllib.loads((TEXTS / f"{language}.toml").read_text("utf-8"))))
        for language in ("en", "de")
    }
    assert texts["en"].keys() == texts["de"].keys()
    for key, text in texts["en"].items():
        assert set(re.findall(r"\{\w+\}", text)) == set(re.findall(r"\{\w+\}", texts["de"][key])), key


def test_every_text_that_the_pages_ask_for_exists():
    """Keys written out in the sources; those put together from parts are seen in the sessions of the other tests."""
    known = dict(_flat(tomllib.loads((TEXTS / "en.toml").read_text("utf-8"))))
    asked = set()
    for path in (ROOT / "web" / "src").rglob("*.ts"):
        asked |= set(re.findall(r'(?:say|html|paragraphs)\("([a-z_.]+)"', path.read_text("utf-8")))
    assert len(asked) > 50
    assert asked - known.keys() == set()


def _flat(table: dict, prefix: str = "") -> Iterator[tuple[str, str]]:
    for key, value in table.items():
        if isinstance(value, dict):
            yield from _flat(value, f"{prefix}{key}.")
        else:
            yield prefix + key, value
