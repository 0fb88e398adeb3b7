"""Columns as variables of schema.org: description, unit and values, from the tables' own schemas."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

import pandas as pd

from exemplum import tables
from exemplum.store import Column

XSD = "http://www.w3.org/2001/XMLSchema#"
TYPES = {"int": "integer", "int32": "integer", "int16": "integer", "float": "double", "float32": "float",
         "bool": "boolean"}  # fmt: skip
UNITS = {"_ms": "milliseconds", "_s": "seconds", "_px": "CSS pixels", "_minutes": "minutes"}  # by the end of the name
# Texts with few values, which the study and not the schema decides
NAMES = frozenset({
    "experiment", "observer", "condition", "difficulty", "layer", "method", "rule", "expertise", "gender", "handedness",
    "visual_aid", "age_group", "stimulus_set",
})  # fmt: skip
SAME = re.compile(r"as in (\w+)")  # a meaning that another table tells


def variables(columns: Mapping[str, Column], frame: pd.DataFrame) -> list[dict[str, Any]]:
    """The columns of a frame as PropertyValue, in its order."""
    return [variable(name, columns[name], frame[name]) for name in frame]


def variable(name: str, column: Column, values: pd.Series) -> dict[str, Any]:
    """One column: its name, meaning, type, unit, the values that it can hold, and their limits if they are numbers.

    >>> from exemplum.export import variables
    >>> confidence = tables.RESPONSES.columns["confidence"]
    >>> variables.variable("confidence", confidence, pd.Series([1, 3]))["value"]
    [1, 2, 3]
    """
    unit = column.unit or next((unit for end, unit in UNITS.items() if name.endswith(end)), "")
    allowed = _values(name, column, values)
    numbers = [value for value in allowed if not isinstance(value, str)]
    return {
        "@type": "PropertyValue",
        "name": name,
        "description": meaning(name, column),
        "additionalType": XSD + TYPES.get(column.dtype, "string"),
        **({"unitText": unit} if unit else {}),
        **({"value": allowed} if allowed else {}),
        **({"minValue": min(numbers), "maxValue": max(numbers)} if numbers else {}),
    }


def meaning(name: str, column: Column) -> str:
    """The meaning of a column; where it is told as in another table, that table's words."""
    found = SAME.search(column.meaning)
    table = tables.BY_NAME.get(found[1]) or _ANSWERS.get(found[1]) if found else None
    if not found or table is None or name not in table.columns or table.columns[name] is column:
        return column.meaning
    told = table.columns[name].meaning
    return told if column.meaning == found[0] else f"{told} ({column.meaning.replace(found[0], '').strip(' ;:,')})"


# of several files, so that BY_NAME does not have them
_ANSWERS = {table.name: table for table in (tables.RESPONSES, tables.RATINGS, tables.PEOPLE)}


def _values(name: str, column: Column, values: pd.Series) -> list[Any]:
    """All that the column can hold: what the schema names, and what else there is."""
    if column.dtype == "bool":
        return ["True", "False"]
    if not column.values and name not in NAMES:
        return []
    found = [value for value in values.unique() if value != ""]
    if column.values:
        return [*column.values, *sorted(set(found) - set(column.values), key=str)]
    return sorted(found)
