"""The published trials of Borowski et al. (2021) as tables RESPONSES and RATINGS. Copy this file for data of your own.

An importer reads files of another format, renames columns and values to ours, and reports oddities; it corrects
nothing. Source of the meaning of the columns: the README beside the published data
(github.com/bethgelab/testing_visualizations, data_from_human_experiments).
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd

from exemplum.analysis.importers import Finding, of_responses
from exemplum.errors import UserError
from exemplum.tables import RATINGS, RESPONSES

TRIALS = {
    "1": "experiment_I_main_practice_catch_repeated_trials_preprocessed.csv",
    "2": "experiment_II_main_practice_catch_trials_preprocessed.csv",
}
UNITS = {"1": "exp_i_units", "2": "exp_ii_units"}
# where a clone of the repository has the CSV files, and its lists of units
CLONED = "data_from_human_experiments"
CLONED_UNITS = {key: f"human_experiments/exp_{'i' * int(key)}/layer_folder_mapping" for key in UNITS}
INTUITIVENESS = {  # experiment, phase, file; Experiment I asked only before
    ("1", "pre"): "experiment_I_intuitiveness_beginning_preprocessed.csv",
    ("2", "pre"): "experiment_II_intuitiveness_beginning_preprocessed.csv",
    ("2", "post"): "experiment_II_intuitiveness_end_preprocessed.csv",
}
COLUMNS = [
    "subject_id", "subject_id_within_expert_type", "trial_nr", "block_nr", "instr_type", "trial_type", "catch_trial",
    "batch", "layer", "kernel_size", "channel", "query_order", "correct", "conf_rating", "abs_conf_rating", "RT",
    "response", "correct_response", "old_trial_nr",
]  # fmt: skip
COLUMNS_2 = ["batch_block", "condition_name", "expert_level"]
CONDITIONS = {"natural": "natural", "optimized": "synthetic", "none_pre": "none", "none_post": "none"}
PHASES = {"none_pre": "pre", "none_post": "post"}
EXPERTISE = {"expert": "expert", "naive": "lay"}
PLACES = {"a": "top", "b": "bottom"}  # image a stood above image b
TOP_IS_MAX = {"max_min": "top", "min_max": "bottom"}


@dataclass(frozen=True)
class PublishedData:
    """Both experiments as tables, and what was noticed in the files."""

    responses: pd.DataFrame  # RESPONSES
    ratings: pd.DataFrame  # RATINGS
    findings: list[Finding]


def read(data: Path) -> PublishedData:
    """Read both experiments from the folder of the published CSV files, or from a clone of the authors' repository.

    Raises UserError naming a missing file or column, an unknown value, or a unit that is not in the lists of units.
    """
    cloned = (data / CLONED).is_dir()
    units = {key: data / (CLONED_UNITS if cloned else UNITS)[key] for key in UNITS}
    data = data / CLONED if cloned else data
    responses, findings = [], []
    for experiment, name in TRIALS.items():
        raw = _csv(data / name, COLUMNS + (COLUMNS_2 if experiment == "2" else []))
        table = _responses(raw, experiment, _units(units[experiment]), data / name)
        responses.append(table)
        findings += of_responses(table, experiment) + _of_raw(raw, table, experiment)
    rated = _units(units["1"]).loc[""]  # the same three in both experiments
    ratings = [_ratings(data, experiment, phase, name, rated) for (experiment, phase), name in INTUITIVENESS.items()]
    return PublishedData(RESPONSES.frame(pd.concat(responses)), RATINGS.frame(pd.concat(ratings)), findings)


def _responses(raw: pd.DataFrame, experiment: str, units: pd.DataFrame, path: Path) -> pd.DataFrame:
    none = raw["instr_type"].str.startswith("none")
    plain = pd.Series("", index=raw.index)
    sets = raw["batch_block"] if experiment == "2" else plain
    ids = _trial_ids(raw)
    kind = raw["trial_type"].where(~raw["catch_trial"], "catch")
    return RESPONSES.frame(
        pd.DataFrame({
            "experiment": experiment,
            "observer": "participants",
            "observer_kind": "person",
            "participant": _participants(raw["subject_id"]),
            "expertise": _renamed(raw, "expert_level", EXPERTISE, path) if experiment == "2" else plain,
            "trial_id": ids,
            "trial": raw["trial_nr"],
            "block": raw["block_nr"],
            "trial_kind": kind,
            "condition": _renamed(raw, "instr_type", CONDITIONS, path),
            "phase": raw["trial_type"].where(raw["trial_type"] != "main", raw["instr_type"].map(PHASES).fillna("main")),
            "scheme": (raw["condition_name"] if experiment == "2" else plain + "Min-Max-9").mask(none, ""),
            **_named(raw, sets, units, path),
            "selection": np.where(raw["channel"] == "channel_0", "random", "hand_picked"),
            "stimulus_set": sets,
            "batch": raw["batch"],
            "max_side": _renamed(raw, "query_order", TOP_IS_MAX, path),
            "choice": _renamed(raw, "response", PLACES, path),
            "correct": raw["correct"],
            "confidence": raw["abs_conf_rating"],
            "rt_ms": raw["RT"] * 1000,
            "repeats": _first_showings(raw, ids),
        })
    )  # fmt: skip


def _participants(numbers: pd.Series) -> pd.Series:
    return "p" + numbers.astype(str).str.zfill(2)


def _trial_ids(raw: pd.DataFrame) -> pd.Series:
    """Participant, block and place in the block, as our own designs name trials: p01-b05-t02."""
    place = raw.sort_values("trial_nr").groupby(["subject_id", "block_nr"]).cumcount().reindex(raw.index)
    block, place = raw["block_nr"].astype(str).str.zfill(2), place.astype(str).str.zfill(2)
    return _participants(raw["subject_id"]) + "-b" + block + "-t" + place


def _first_showings(raw: pd.DataFrame, ids: pd.Series) -> pd.Series:
    """The trial_id that a repeated trial shows again: same unit, batch and condition, though not always same sides."""
    by_number = pd.Series(ids.to_numpy(), index=pd.MultiIndex.from_frame(raw[["subject_id", "trial_nr"]]))
    wanted = raw[["subject_id"]].assign(trial_nr=raw["old_trial_nr"].fillna(-1).astype(int))
    return pd.Series(by_number.reindex(pd.MultiIndex.from_frame(wanted)).to_numpy(), index=raw.index).fillna("")


def _units(folder: Path) -> pd.DataFrame:
    """The unit of each folder of stimuli: set, layer, kernel and channel of the folder → unit."""
    files = sorted(folder.rglob("layer_folder_mapping*.csv"))
    if not files:
        raise UserError(f"{folder} has no layer_folder_mapping*.csv; give the folder of the published units")
    tables = []
    for path in files:
        table = pd.read_csv(path, skiprows=1, dtype=str)
        sampled = path.parent != folder
        tables.append(table.assign(stimulus_set=path.parent.name.removeprefix("batch_block_") if sampled else ""))
    found = pd.concat(tables, ignore_index=True)
    keys = ["stimulus_set", "layer_number", "kernel_size_number", "channel_number"]
    return found.drop_duplicates(keys).set_index(keys)


def _named(raw: pd.DataFrame, sets: pd.Series, units: pd.DataFrame, path: Path) -> dict[str, np.ndarray]:
    keys = pd.MultiIndex.from_arrays([
        sets, raw["layer"].str.removeprefix("layer_"), raw["kernel_size"].astype(str),
        raw["channel"].str.removeprefix("channel_"),
    ])  # fmt: skip
    unknown = keys.difference(units.index)
    if len(unknown):
        raise UserError(f"{path}: the unit {'/'.join(unknown[0])} is not in the lists of units")
    rows = units.loc[keys]
    layer, channel = rows["layer_name"].to_numpy(), rows["feature_map_number"].astype(int).to_numpy()
    names = np.array([f"{a}:{b}" for a, b in zip(layer, channel, strict=True)])
    return {"unit": names, "layer": layer, "channel": channel, "branch": rows["kernel_size"].to_numpy()}


def _ratings(data: Path, experiment: str, phase: str, name: str, units: pd.DataFrame) -> pd.DataFrame:
    raw = _csv(data / name, ["subject_id", "trial_name", "trial_nr", "rating", "rt"])
    shown = units.reset_index().drop_duplicates("layer_number")
    shown = shown.set_index("layer_number").loc[raw["trial_name"]]
    expertise = np.where(raw["subject_id"] <= 10, "expert", "lay") if experiment == "2" else ""
    return pd.DataFrame({
        "experiment": experiment, "observer": "participants", "participant": _participants(raw["subject_id"]),
        "expertise": expertise, "condition": "synthetic", "phase": phase,
        "unit": (shown["layer_name"] + ":" + shown["feature_map_number"]).to_numpy(),
        "trial": raw["trial_nr"], "rating": raw["rating"], "rt_ms": raw["rt"] * 1000,
    })  # fmt: skip


def _of_raw(raw: pd.DataFrame, table: pd.DataFrame, experiment: str) -> list[Finding]:
    """Oddities of this data set in particular."""
    shared = raw.groupby("subject_id_within_expert_type")["subject_id"].nunique()
    places = table.assign(place=raw["layer"] + raw["kernel_size"].astype(str) + raw["channel"])
    per_place = places.groupby("place")["unit"].nunique()
    found = [
        Finding(experiment, "subject_id_within_expert_type values shared by two people", int((shared > 1).sum()),
                "experts and lay people were numbered separately", "subject_id is used"),
        Finding(experiment, "layer, kernel and channel that name several units", int((per_place > 1).sum()),
                "the stimulus set is part of the folder's name", "units are named by layer and channel of the network"),
        Finding(experiment, "correct that disagrees with response and query_order",
                int((table["correct"] != (table["choice"] == table["max_side"])).sum()), "", "correct is kept"),
        Finding(experiment, "sign of conf_rating that disagrees with response",
                int(((raw["conf_rating"] > 0) != (raw["response"] == "b")).sum()), "", "response is used"),
    ]  # fmt: skip
    repeated = table[table["repeats"] != ""]
    if len(repeated):
        first = table.set_index("trial_id").loc[repeated["repeats"]]
        same = ["unit", "batch", "condition"]
        alike = (first[same].to_numpy() == repeated[same].to_numpy()).all(axis=1)
        turned = (first["max_side"].to_numpy() != repeated["max_side"].to_numpy()).sum()
        found += [
            Finding(experiment, "repeated trials that do not show what their first showing did", int((~alike).sum()),
                    f"of {len(repeated)}", "linked by old_trial_nr"),
            Finding(experiment, "repeated trials with the queries in exchanged places", int(turned),
                    f"of {len(repeated)}: the order was drawn again", "agreement compares images, not places"),
        ]  # fmt: skip
    return found


def _csv(path: Path, columns: list[str]) -> pd.DataFrame:
    if not path.exists():
        raise UserError(f"{path} does not exist; DATA should be the folder with the published CSV files")
    raw = pd.read_csv(path, index_col=0)
    if missing := [name for name in columns if name not in raw]:
        raise UserError(f"{path} lacks the columns {', '.join(missing)}")
    return raw.reset_index(drop=True)


def _renamed(raw: pd.DataFrame, column: str, names: dict[str, str], path: Path) -> pd.Series:
    if unknown := set(raw[column]) - set(names):
        raise UserError(f"{path}: {column} has {sorted(map(str, unknown))[0]!r}; known: {', '.join(names)}")
    return raw[column].map(names)
