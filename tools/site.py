"""What the site of the docs adds to its pages (mkdocs.yml: hooks): links of terms to the glossary, and links to files.

The first use of each term of docs/glossary.md in a page becomes a link to its row there, with the meaning as a tooltip.
Links that leave docs/ lead to the file in the repository.
"""

from __future__ import annotations

import posixpath
import re
from functools import cache
from pathlib import Path
from typing import Any, NamedTuple

from bs4 import BeautifulSoup, NavigableString

DOCS = Path(__file__).resolve().parents[1] / "docs"
GLOSSARY = "glossary.md"
LAST_HEADING = "## Words to prefer"  # below it are words to avoid
# these have an everyday meaning too, so that a link would often be wrong
EVERYDAY = re.compile("batch|bin|block|cell|claim|factor|group|place|score|showing|stage|stale|step|task|update")
LEFT_ALONE = ("a", "code", "pre", "h1", "h2", "h3", "h4", "h5", "h6", "button", "script", "style", "svg", "summary")
# In searches: answers and tasks come before keys and functions, and `exemplum score` finds the command before pages
# about scores
BOOST = {
    "how-to/questions.md": 4,
    "how-to/": 2,
    "start/": 2,
    "tutorials/": 2,
    "reference/cli.md": 5,
    "reference/python/": 0.5,
}
KEY = re.compile(r"^### `\[.+\] (\w+)`$", re.MULTILINE)  # a heading of docs/reference/study-toml.md
LINK = re.compile(r"(\]\()([^)\s]+)(\))")


class Term(NamedTuple):
    """A word of the glossary, where its row is, and what the row says as plain text."""

    word: str
    anchor: str
    meaning: str


def terms(glossary: str) -> list[Term]:
    """Every term of the glossary's tables, the longest first, so that `dead unit` is found before `unit`."""
    found = []
    for line in glossary.partition(LAST_HEADING)[0].splitlines():
        if (row := re.fullmatch(r"\| (.+?) \| (.+) \|", line)) and row[1] not in ("word", "---"):
            meaning = re.sub(r"\[([^\]]*)\]\([^)]*\)", r"\1", row[2]).replace("`", "")
            found += [Term(word, _anchor(row[1]), meaning) for word in row[1].split(", ")]
    return sorted(found, key=lambda term: -len(term.word))


def linked(html: str, known: list[Term], glossary_url: str) -> str:
    """A page's HTML in which the first use of each term, outside of links, code and headings, is a link."""
    page = BeautifulSoup(html, "html.parser")
    left = [term for term in known if not EVERYDAY.fullmatch(term.word)]
    for node in list(page.find_all(string=True)):
        if type(node) is NavigableString and left and not node.find_parents(LEFT_ALONE):
            left = _link_terms(page, node, left, glossary_url)
    return str(page)


def breakable(html: str) -> str:
    """A page's HTML in which the long names of docs/reference/python may break after a dot."""
    name = r'(?<=<span class="doc doc-object-name)[^>]*>[\w.]+'
    return re.sub(name, lambda found: found[0].replace(".", ".<wbr>"), html)


def with_anchors(html: str) -> str:
    """The glossary's HTML with an id on each row."""
    page = BeautifulSoup(html, "html.parser")
    for row in page.select("tbody tr"):
        row["id"] = _anchor(row.td.get_text())
    return str(page)


def on_page_markdown(markdown: str, page: Any, config: Any, **_: Any) -> str:
    """Called by mkdocs: links that leave docs/ lead into the repository; keys have short names in the contents."""
    folder = posixpath.dirname(f"docs/{page.file.src_uri}")
    if boost := next((boost for start, boost in BOOST.items() if page.file.src_uri.startswith(start)), None):
        page.meta["search"] = {"boost": boost}

    def to_repository(link: re.Match[str]) -> str:
        path = posixpath.normpath(posixpath.join(folder, link[2]))
        if re.match(r"[a-z]+:|#", link[2]) or path.startswith("docs/"):
            return link[0]
        return f"{link[1]}{config.repo_url}/blob/main/{path}{link[3]}"

    return KEY.sub(r"\g<0> { data-toc-label='\1' }", LINK.sub(to_repository, markdown))


def on_page_content(html: str, page: Any, files: Any, **_: Any) -> str:
    """Called by mkdocs: terms become links to the glossary, whose rows get the anchors."""
    if page.file.src_uri == GLOSSARY:
        return with_anchors(html)
    if page.file.src_uri.endswith(".ipynb"):
        return _notebook_links(html, page.file, files)
    return breakable(linked(html, _known(), files.get_file_from_path(GLOSSARY).url_relative_to(page.file)))


def on_post_page(output: str, **_: Any) -> str:
    """Called by mkdocs: the link to the repository does not ask its host for stars, and the search has a name."""
    asks, search = ' data-md-component="source"', 'data-md-component="search" role="dialog"'
    return output.replace(asks, "").replace(search, f'{search} aria-label="Search"')


@cache
def _known() -> list[Term]:
    return terms((DOCS / GLOSSARY).read_text(encoding="utf-8"))


def _notebook_links(html: str, file: Any, files: Any) -> str:
    """Links of a notebook to pages, which mkdocs leaves as they are. Raises LookupError if there is no such page."""

    def to_page(link: re.Match[str]) -> str:
        path = posixpath.normpath(posixpath.join(posixpath.dirname(file.src_uri), link[1]))
        if (page := files.get_file_from_path(path)) is None:
            raise LookupError(f"docs/{file.src_uri} links to docs/{path}, which is not there")
        return f'href="{page.url_relative_to(file)}{link[2] or ""}"'

    return re.sub(r'href="([^":]+\.md)(#[^"]*)?"', to_page, html)


def _anchor(words: str) -> str:
    return re.sub(r"[^a-z0-9]+", "-", words.lower()).strip("-")


def _pattern(word: str) -> str:
    plural = f"{re.escape(word[:-1])}(?:y|ies)" if word.endswith("y") else f"{re.escape(word)}s?"
    return rf"(?<![\w-]){plural}(?![\w-])"


def _link_terms(page: BeautifulSoup, node: NavigableString, left: list[Term], url: str) -> list[Term]:
    """Replace a text by itself with links; the terms that it did not use."""
    together = re.compile("|".join(f"({_pattern(term.word)})" for term in left), re.IGNORECASE)
    text, start, used, parts = str(node), 0, set(), []
    for use in together.finditer(text):
        term = left[use.lastindex - 1]  # type: ignore[operator]
        if term.anchor in used:
            continue
        used.add(term.anchor)
        link = page.new_tag("a", attrs={"href": f"{url}#{term.anchor}", "class": "term", "title": term.meaning})
        link.string = use[0]
        parts += [NavigableString(text[start : use.start()]), link]
        start = use.end()
    if parts:
        node.replace_with(*parts, NavigableString(text[start:]))
    return [term for term in left if term.anchor not in used]
