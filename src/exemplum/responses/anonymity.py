"""People's table without what may identify a person: ages in groups of ten years."""

from __future__ import annotations

import pandas as pd

from exemplum.store import Column
from exemplum.tables import PEOPLE

AGE_GROUP = "age_group"
COLUMNS = {
    **{name: column for name, column in PEOPLE.columns.items() if name != "age"},
    AGE_GROUP: Column("str", "ten years wide; empty if not known", unit="years"),
}


def anonymous(people: pd.DataFrame) -> pd.DataFrame:
    """PEOPLE with the column `age_group` in place of `age`.

    >>> from exemplum.responses import anonymity
    >>> anonymity.anonymous(pd.DataFrame({"age": [34.0, float("nan")]}))["age_group"].tolist()
    ['30–39', '']
    """
    decade = (people["age"] // 10 * 10).astype("Int64")
    groups = [f"{low}–{low + 9}" if pd.notna(low) else "" for low in decade]
    return people.drop(columns="age").assign(**{AGE_GROUP: groups})
