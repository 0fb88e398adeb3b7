"""Write docs/reference/tables.md from the schemas in exemplum.tables: python -m tools.tables."""

from pathlib import Path

from exemplum import tables

PAGE = Path(__file__).resolve().parents[1] / "docs" / "reference" / "tables.md"
HEAD = """# Tables

The columns of every table that one stage passes to the next. This page is generated from
`src/exemplum/tables.py` by `python -m tools.tables`; a test checks that it is up to date. On disk
tables are Parquet; the report adds CSV. A missing number is NaN (empty in CSV), a missing text is
empty, and a share is a number from 0 to 1. The terms are explained in the [glossary](../glossary.md).
"""


def text() -> str:
    """The page."""
    parts = [HEAD]
    for table in tables.ALL:
        parts.append(f"\n## {table.name}\n\n{table.meaning}\n\n| column | type | meaning |\n| --- | --- | --- |")
        for name, column in table.columns.items():
            meaning = column.meaning.replace("|", "\\|")
            parts.append(f"| `{name}` | {column.dtype} | {meaning} |")
    return "\n".join(parts) + "\n"


if __name__ == "__main__":
    PAGE.write_text(text(), encoding="utf-8")
