"""tools/tutorials.py: what a page of the docs says that a command prints is what it prints."""

from __future__ import annotations

from pathlib import Path

import pytest
from tools import tutorials

TRUE = """# A page
```console
$ echo hello
> echo two
hello
two
$ cd /tmp; pwd
/t...
$ seq 1 100
1
2
...
100
$ mkdir -p "$OLDPWD/made"; cd "$OLDPWD"
```
Text with `code`.

```toml title="made/settings.toml"
one = 1
```
```toml title="made/settings.toml, added at the end"
two = 2
```
<!-- run: grep -q two made/settings.toml -->
<!-- not run: there is no such command -->
```console
$ no-such-command
```
```text
$ not a command
```
```python
import tomllib
settings = tomllib.load(open("made/settings.toml", "rb"))
```
```pycon
>>> settings
{'one': 1, 'two': 2}
```
"""


@pytest.fixture
def page(tmp_path):
    def written(text: str) -> Path:
        (tmp_path / "page.md").write_text(text, encoding="utf-8")
        return tmp_path / "page.md"

    return written


def test_a_true_page_has_no_faults(page):
    assert tutorials.run(page(TRUE)) == []


@pytest.mark.parametrize(
    ("was", "is_", "line", "printed"),
    [
        ("hello\ntwo", "hello\nthree", 3, "hello\ntwo"),
        ("$ seq 1 100", "$ seq 1 99", 9, "99"),
        ("grep -q two", "grep -q three", 24, "exit status 1"),
        ("<!-- not run: there is no such command -->\n", "", 26, "exit status 127"),
        ("{'one': 1,", "{'one': 2,", 37, "{'one': 1, 'two': 2}"),
        ("settings = tomllib", "settings = tomlib", 34, "NameError"),
    ],
)
def test_a_false_line_is_found_where_it_stands(page, was, is_, line, printed):
    assert TRUE.count(was) == 1
    (fault, *rest) = tutorials.run(page(TRUE.replace(was, is_)))
    assert (fault.line, printed in fault.got) == (line, True), fault
    assert not rest or "tomlib" in is_  # the doctest below misses the name too


def test_a_no_break_space_is_white_space_in_commands_and_in_python(page):
    said = "9\N{NO-BREAK SPACE}% of it"
    assert (
        tutorials.run(
            page(f"```console\n$ echo '{said}'\n9 % of it\n```\n```pycon\n>>> print('{said}')\n9 % of it\n```\n")
        )
        == []
    )


def test_write_puts_what_was_printed_into_the_page(page):
    false = page(TRUE.replace("hello\ntwo", "nothing").replace("...\n100", "101"))
    lines = false.read_text().splitlines()
    once = tutorials.rewritten(lines, tutorials.run(false))
    assert tutorials.run(page("\n".join(once))) == []
    assert once[4:6] == ["hello", "two"]
    assert "99" in once  # the whole output stands there now


def test_a_page_that_needs_data_says_so(page):
    needed = page("<!-- needs: README.md -->\n<!-- needs: ../no/such/data -->\n")
    assert tutorials.missing(needed) == ["../no/such/data"]
    with pytest.raises(ValueError, match="line 2: a block without an end"):
        tutorials.blocks(["text", "```console", "$ true"])
