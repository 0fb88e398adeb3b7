"""Tables as CSV that a spreadsheet opens as what it is: no text of a participant's becomes a formula.

A cell `=HYPERLINK(…)` runs when Excel or LibreOffice opens the file. Texts that begin like a formula get an apostrophe
in front. Texts that begin with an apostrophe get another one, so that nothing is lost: take one away from the
beginning of each text, and the table is as it was (`restored`). Numbers stay numbers.
"""

from __future__ import annotations

import csv
from typing import Any

import pandas as pd

MARK = "'"
# Also full-width forms, which East Asian spreadsheets read as the plain ones, and the line feed.
STARTS = ("=", "+", "-", "@", "\t", "\r", "\n", "\uff1d", "\uff0b", "\uff0d", "\uff20", MARK)


def csv_text(frame: pd.DataFrame, **options: Any) -> str:
    """The table as CSV without its index; `options` are those of `DataFrame.to_csv`."""
    # A bare carriage return is not quoted by Python's csv, but spreadsheets begin a new row at it, and with it a cell.
    quoting = csv.QUOTE_NONNUMERIC if any(_has_return(frame[name]) for name in _texts(frame)) else csv.QUOTE_MINIMAL
    return str(neutralised(frame).to_csv(index=False, quoting=quoting, **options))


def neutralised(frame: pd.DataFrame) -> pd.DataFrame:
    """The table with an apostrophe before each text that a spreadsheet would take for a formula."""
    return frame.assign(**{name: frame[name].map(_marked) for name in _texts(frame)})


def restored(frame: pd.DataFrame) -> pd.DataFrame:
    """A table that was read from such a CSV, with its texts as they were."""
    return frame.assign(**{name: frame[name].map(_unmarked) for name in _texts(frame)})


def _texts(frame: pd.DataFrame) -> list[str]:
    """Columns that may hold texts."""
    is_text = (pd.api.types.is_object_dtype, pd.api.types.is_string_dtype)
    return [str(name) for name, values in frame.items() if any(test(values) for test in is_text)]


def _has_return(values: pd.Series) -> bool:
    return any(isinstance(cell, str) and "\r" in cell for cell in values)


def _marked(cell: Any) -> Any:
    return MARK + cell if isinstance(cell, str) and cell.startswith(STARTS) else cell


def _unmarked(cell: Any) -> Any:
    return cell[1:] if isinstance(cell, str) and cell.startswith(MARK) else cell
