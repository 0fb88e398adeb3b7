"""The docs' pictures are used, and light enough for a page with ten of them."""

from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
PICTURES = sorted((ROOT / "docs" / "pictures").iterdir())
MOST_BYTES = 150_000  # of a WebP, as tools/screenshots.py makes them


def test_every_picture_is_shown_by_a_page_of_the_docs():
    pages = [ROOT / "README.md", ROOT / "mkdocs.yml", *(ROOT / "docs").rglob("*.md")]
    said = "\n".join(page.read_text(encoding="utf-8") for page in pages)
    assert [picture.name for picture in PICTURES if f"pictures/{picture.name}" not in said] == []


def test_no_picture_of_a_page_is_heavy():
    assert {p.name: p.stat().st_size for p in PICTURES if p.suffix == ".webp" and p.stat().st_size > MOST_BYTES} == {}
