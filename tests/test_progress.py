"""What is printed is what was meant: names from users are no markup."""

import re
from pathlib import Path

import pytest

import exemplum
from exemplum.errors import UserError, one_line, shown
from exemplum.runtime.progress import console, output, styled

NAMES = ("[units] hand_picked", "[/x]", "[red]a[/red]", ":smile:", "a\\[b]", "[link=x]y")


@pytest.mark.parametrize("name", NAMES)
def test_names_are_printed_as_they_are(name, capsys):
    console.print(styled(("error:", "bold red"), f" {name}"))
    console.print(f"{name} written")
    output.print(f"{name}: 3")
    printed = capsys.readouterr()
    assert printed.err == f"error: {name}\n{name} written\n"
    assert printed.out == f"{name}: 3\n"


def test_nothing_in_the_source_is_written_as_markup():
    # it would be printed as it stands: what is to have a style is given to `styled`
    tags = re.compile(r"\[/?(bold|dim|red|green|yellow|cyan|italic)[ \]]")
    files = Path(exemplum.__file__).parent.rglob("*.py")
    assert [path.name for path in files if tags.search(path.read_text(encoding="utf-8"))] == []


def test_an_error_is_one_line_without_control_characters():
    assert str(UserError("a\nb\x1b[31m\u202ec")) == "a\\nb\\x1b[31m\\u202ec"
    assert len(one_line("x" * 100_000)) < 200


def test_values_are_shown_short_and_as_toml():
    assert shown("a\nb") == r"'a\nb'"
    assert shown([1, 2, 3, 4, 5]) == "[1, 2, 3, 4, …]"
    assert shown({"a": [1], "b": True}) == "{a = …, b = true}"
    assert shown(10**5000) == "a whole number of about 5001 digits"
    assert all(len(shown(value)) < 80 for value in ("x" * 999, ["y" * 999] * 99, {"z" * 999: 1}, 10**29))
