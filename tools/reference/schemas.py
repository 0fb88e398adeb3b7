"""The page of tables, from the schemas in exemplum.tables."""

from __future__ import annotations

from tools.reference import linked

from exemplum import tables

HEAD = """# Tables

*For anyone who reads the files of a study or writes code on them. You get every column of every
table: its type, its unit of measure and its meaning.*

The tables that one stage passes to the next, in the order of the stages. On disk they are Parquet;
the analysis and the report add CSV. A missing number is NaN (empty in CSV), a missing text is empty,
and a share is a number from 0 to 1. The terms are explained in the [glossary](../glossary.md). In
Python, `Study.open(folder).tables` reads each of them ([Study and tables](python/study.md)).

This page is generated from `src/exemplum/tables.py` by `python -m tools.reference`; a test checks
that it is up to date.

| table | what it holds |
| --- | --- |
"""


def text() -> str:
    """The page."""
    rows = [f"| [{table.name}](#{_anchor(table)}) | {table.summary} |" for table in tables.ALL]
    parts = [HEAD + "\n".join(rows)]
    for table in tables.ALL:
        parts.append(
            f"\n## {table.name}\n\n{table.summary} In {_files(table)}.\n\n"
            "| column | type | meaning |\n| --- | --- | --- |"
        )
        for name, column in table.columns.items():
            meaning = linked(column.meaning).replace("|", "\\|")
            parts.append(f"| `{name}` | {column.dtype} | {meaning} |")
    return "\n".join(parts) + "\n"


def _anchor(table: tables.Table) -> str:
    return table.name.replace(" ", "-")


def _files(table: tables.Table) -> str:
    """The paths of the table, which end its meaning, as code."""
    said = table.meaning.rpartition("; ")[2].rstrip(".")
    return " ".join(f"`{word.rstrip(',')}`{',' * word.endswith(',')}" if "." in word else word for word in said.split())
