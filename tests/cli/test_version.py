"""What the command says of itself: its version, and the words that a shell completes."""

from __future__ import annotations

import os
import subprocess
import sys
from importlib.metadata import version

import pytest

NAMED = "import sys; sys.argv[0] = 'exemplum'; from exemplum.__main__ import run; run()"  # as the installed script


def exemplum(*arguments: str, **environment: str) -> list[str]:
    done = subprocess.run(
        [sys.executable, "-c", NAMED, *arguments], env=os.environ | environment, capture_output=True, text=True,
        check=True,
    )  # fmt: skip
    return done.stdout.split("\n")


def test_version_is_that_of_the_installed_package():
    assert exemplum("--version") == [f"exemplum {version('exemplum')}", ""]


@pytest.mark.parametrize(
    ("typed", "offered"),
    [
        ("exemplum re", {"rehearse", "report", "reproduce"}),
        ("exemplum report --f", {"--force"}),
        ("exemplum --ver", {"--version"}),
    ],
)
def test_a_shell_completes_verbs_and_options(typed, offered):
    words = exemplum(_EXEMPLUM_COMPLETE="complete_bash", COMP_WORDS=typed, COMP_CWORD=str(typed.count(" ")))
    assert {word.strip() for word in words} - {""} == offered


def test_the_script_for_a_shell_is_printed():
    # told which shell: there is none to be found above a test
    told = exemplum("--show-completion", "bash", _TYPER_COMPLETE_TEST_DISABLE_SHELL_DETECTION="1")
    assert "complete -o default -F _exemplum_completion exemplum" in told
