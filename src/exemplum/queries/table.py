"""The tables of a study's references, queries and units, also of studies without a table of queries.

These are studies of finished stimuli, and of earlier versions. Their natural sets of k references per pole have k + 1
images: the most extreme, `max_k` and `min_0`, are the queries.
"""

from __future__ import annotations

import numpy as np
import pandas as pd

from exemplum import tables
from exemplum.errors import REMAKE, UserError
from exemplum.records import EXTREME
from exemplum.study import Study

FOLDER = "queries"
NATURAL = "natural"
SET = ["unit", "layer", "channel", "branch", "references", "batch"]


def load(study: Study) -> tuple[pd.DataFrame, pd.DataFrame]:
    """The study's references, STIMULI, and its QUERIES, whatever version of Exemplum made the study.

    Raises StoreError naming a missing or broken table.
    """
    stimuli = tables.STIMULI.read(study.stage("explanations") / "stimuli.parquet")
    path = study.stage(FOLDER) / "queries.parquet"
    return (stimuli, tables.QUERIES.read(path)) if path.exists() else split_queries(stimuli)


def load_units(study: Study) -> pd.DataFrame:
    """The units of the study, STUDY_UNITS. Raises StoreError naming a missing or broken table."""
    path = study.stage(FOLDER) / "units.parquet"
    return tables.STUDY_UNITS.read(path if path.exists() else study.stage("explanations") / "units.parquet")


def split_queries(stimuli: pd.DataFrame) -> tuple[pd.DataFrame, pd.DataFrame]:
    """The STIMULI without their queries, the positions of natural references counted from the most extreme; QUERIES.

    Raises UserError naming the query of a pair that is missing.
    """
    natural, is_max = stimuli["method"] == NATURAL, stimuli["pole"] == "max"
    last = stimuli["position"] == stimuli["references"]
    asked = natural & np.where(is_max, last, stimuli["position"] == 0)
    rest = stimuli[~asked]
    place = np.where(rest["pole"] == "max", rest["references"] - 1 - rest["position"], rest["position"] - 1)
    rest = rest.assign(position=np.where(rest["method"] == NATURAL, place, rest["position"]))
    names = ["path", "image", "group", "activation", "percentile"]
    poles = [
        stimuli.loc[asked & (stimuli["pole"] == pole), [*SET, *names]].rename(
            columns={"path": f"query_{pole}"} | {name: f"{name}_{pole}" for name in names[1:]}
        )
        for pole in ("max", "min")
    ]
    pairs = poles[0].merge(poles[1], on=SET, how="outer", validate="one_to_one", indicator="sides")
    if len(alone := pairs[pairs["sides"] != "both"]):
        row = alone.iloc[0]
        missing = f"max_{row['references']}" if row["sides"] == "right_only" else "min_0"
        raise UserError(
            f"explanations/stimuli.parquet has no natural image {missing} of unit {row['unit']} for batch "
            f"{row['batch']} and {row['references']} references; {REMAKE}"
        )
    pairs = pairs.drop(columns="sides")
    pairs = pairs.assign(difficulty=EXTREME, source=EXTREME, margin=np.nan, facts="{}")
    return rest.reset_index(drop=True), tables.QUERIES.frame(pairs)
