"""tools/site.py: the first use of a term leads to the glossary, and links that leave docs/ into the repository."""

from __future__ import annotations

from types import SimpleNamespace

import pytest
from bs4 import BeautifulSoup
from tools import site

GLOSSARY = """# Glossary
| word | meaning |
| --- | --- |
| unit | One channel of one layer ([Models](reference/models.md)), as in `mixed4a:17`. |
| dead unit | A unit that never changes. |
| query, question | One of two images. |
| step | An update. |
## Words to prefer
| write | instead of |
| --- | --- |
| remade | `anew` |
"""


def links(html: str) -> list[tuple[str, str]]:
    page = BeautifulSoup(site.linked(html, site.terms(GLOSSARY), "../glossary/"), "html.parser")
    return [(link.get_text(), link["href"]) for link in page.select("a.term")]


def test_first_use_of_each_term_is_a_link_the_longest_term_first():
    html = "<p>Queries of a dead unit. A Unit and its query, and units.</p><p>A query again.</p>"
    assert links(html) == [("Queries", "../glossary/#query-question"), ("dead unit", "../glossary/#dead-unit"),
                           ("Unit", "../glossary/#unit")]  # fmt: skip


def test_headings_code_links_and_parts_of_words_stay_as_they_are():
    html = "<h2>A unit</h2><p><code>unit</code> <a href='x'>unit</a> community sub-unit unitary step</p>"
    assert links(html) == []
    assert "community sub-unit" in site.linked(html, site.terms(GLOSSARY), "")


def test_names_of_the_reference_may_break_after_a_dot():
    named = '<span class="doc doc-object-name doc-function-name">exemplum.images.{}open_corpus</span> exemplum.load'
    assert site.breakable(named.format("")) == named.replace("m.i", "m.<wbr>i").format("<wbr>")


def test_meaning_is_plain_text_and_rows_have_anchors():
    by_word = {term.word: term for term in site.terms(GLOSSARY)}
    assert set(by_word) == {"unit", "dead unit", "query", "question", "step"}
    assert by_word["unit"].meaning == "One channel of one layer (Models), as in mixed4a:17."
    html = "<table><tbody><tr><td>query, question</td><td>One</td></tr></tbody></table>"
    assert BeautifulSoup(site.with_anchors(html), "html.parser").tr["id"] == by_word["question"].anchor


@pytest.mark.parametrize(
    ("link", "leads_to"),
    [("../../SECURITY.md", "https://host/blob/main/SECURITY.md"), ("../start/demo.md#a", "../start/demo.md#a"),
     ("https://elsewhere", "https://elsewhere"), ("#here", "#here")],
)  # fmt: skip
def test_links_that_leave_the_docs_lead_into_the_repository(link, leads_to):
    page = SimpleNamespace(file=SimpleNamespace(src_uri="how-to/page.md"), meta={})
    config = SimpleNamespace(repo_url="https://host")
    assert site.on_page_markdown(f"[x]({link})", page=page, config=config) == f"[x]({leads_to})"
