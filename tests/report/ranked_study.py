"""A study of several methods at two difficulties, answered by simulated people and machines, with small pictures."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd

from exemplum import store, tables
from exemplum.analysis import simulate, verdict
from exemplum.analysis.estimates.measures import estimates
from exemplum.analysis.simulate import Spread
from exemplum.study import blinding
from exemplum.study.folder import Study

LEVELS = ("extreme", "0.95")
METHODS = {"natural": 2.4, "crops": 2.6, "maco": 1.2, "random": 0.0}  # log odds of a right answer
TOML = """seed = 7
[analysis]
bootstrap = 20
secondary = ["difficulty"]
[queries]
difficulty = ["extreme", 0.95]
[explanations.natural]
[explanations.crops]
method = "natural"
[explanations.maco]
method = "synthetic"
recipe = "maco"
[explanations.random]
"""
UNIT = {"branch": "", "selection": "random", "role": "main", "stimulus_set": ""}


def make(
    folder: Path, methods: dict[str, float] | None = None, people: int = 6, units: int = 6, toml: str = ""
) -> Study:
    """A study folder up to estimates and verdicts; people and the machine `similarity` answer, `ideal` is right."""
    methods = methods or METHODS
    folder.mkdir(parents=True)
    (folder / "study.toml").write_text(toml or TOML, encoding="utf-8")
    study, rng = Study.open(folder), np.random.default_rng(7)
    frame = simulate.trials(people, units, list(methods), rng, difficulties=LEVELS)
    frame = frame.assign(observer="participants", experiment="quick", selection="random", scheme="Max-9")
    frame["margin"] = np.where(frame["difficulty"] == "extreme", 6.0, 2.5) + rng.normal(0, 1, len(frame)).clip(-2, 2)
    spread, harder = Spread(0.2, 0.5, 0.2, 0.3), {"0.95": 1.0}
    answered = simulate.logistic(frame, methods, spread, rng, {**harder})
    machine = simulate.logistic(frame, methods | {"natural": 3.0}, spread, rng, harder)
    machine = machine.assign(observer="similarity", observer_kind="machine", rt_ms=np.nan)
    ideal = machine.assign(observer="ideal", correct=True, choice=machine["max_side"])
    of_units = [{"unit": unit, "layer": layer, "channel": channel} | UNIT for unit, layer, channel in
                frame[["unit", "layer", "channel"]].drop_duplicates().itertuples(index=False)]  # fmt: skip
    tables.STUDY_UNITS.write(folder / "queries/units.parquet", of_units)
    tables.QUERIES.write(
        folder / "queries/queries.parquet", [row for unit in of_units for row in _queries(folder, unit, rng)]
    )
    stimuli = [row for unit in of_units for method in methods for row in _stimuli(folder, unit, method, rng)]
    tables.STIMULI.write(folder / "explanations/stimuli.parquet", stimuli)
    tables.TRIALS.write(folder / "design/trials.parquet", [_trial(row) for row in frame.to_dict("records")])
    tables.BLOCKS.write(folder / "design/blocks.parquet", [])
    store.write_json(folder / "design/design.json", {"protocol": "quick", "seed": 7, "notes": []})
    tables.RESPONSES.write(folder / "responses/people.parquet", answered)
    tables.RESPONSES.write(folder / "responses/machines.parquet", pd.concat([machine, ideal]))
    blinding.write_status(study, blinding.Status("0" * 32, "closed", 1, len(frame), people, "design", "e.sqlite"))
    for name in ("index", "queries", "explanations", "design", "responses"):
        study.finish(name, f"{name}-fingerprint", 1.5, {"features": "of lite0"} if name == "responses" else {"made": 3})
    responses = pd.concat([answered, machine, ideal], ignore_index=True)
    tables.ESTIMATES.write(folder / "analysis/estimates.parquet", estimates(responses, 7, 0))
    judged = verdict.verdicts(responses, study.config.analysis, study.config.explanations.baseline)
    tables.VERDICTS.write(folder / "analysis/verdicts.parquet", judged)
    tables.COMPARISONS.write(folder / "analysis/comparisons.parquet", [])
    study.finish("analysis", "analysis-fingerprint", 1.5, {"made": 3})
    return study


def _queries(folder: Path, unit: dict, rng: np.random.Generator):
    for level in LEVELS:
        paths = [f"queries/{level}/{unit['unit'].replace(':', '-')}_{pole}.png" for pole in ("max", "min")]
        for path in paths:
            _picture(folder / path, rng)
        kept = ("unit", "layer", "channel", "branch")
        yield {name: unit[name] for name in kept} | {
            "difficulty": level, "source": level, "references": -1, "batch": 1, "query_max": paths[0],
            "query_min": paths[1], "image_max": "a", "image_min": "b", "group_max": "", "group_min": "",
            "activation_max": 3.0, "activation_min": -1.0, "percentile_max": 95.0, "percentile_min": 5.0, "margin": 2.5,
            "facts": "{}",
        }  # fmt: skip


def _stimuli(folder: Path, unit: dict, method: str, rng: np.random.Generator):
    for pole in ("max", "min"):
        for position in range(2):
            path = f"explanations/{method}/{unit['unit'].replace(':', '-')}/{pole}_{position}.png"
            _picture(folder / path, rng)
            made, kept = method == "maco", ("unit", "layer", "channel", "branch")
            yield {name: unit[name] for name in kept} | {
                "path": path, "method": method, "pole": pole, "references": 9, "batch": -1, "position": position,
                "image": "" if made else f"{position}.png", "group": "", "activation": 2.0, "percentile": 99.0,
                "margin": 0.5 if made else -0.5, "failed": False,
            }  # fmt: skip


def _trial(row: dict) -> dict:
    folder, unit = row["condition"], row["unit"].replace(":", "-")
    kept = ("trial_id", "block", "condition", "phase", "scheme", "unit", "layer", "channel", "branch", "selection",
            "stimulus_set", "batch", "max_side", "repeats", "difficulty", "margin")  # fmt: skip
    shown = tuple(f"explanations/{folder}/{unit}/max_{k}.png" for k in range(2))
    return {name: row[name] for name in kept} | {
        "participant": int(row["participant"].lstrip("s")), "index": row["trial"], "kind": row["trial_kind"],
        "role": "main", "max_references": shown, "min_references": (),
        "query_max": f"queries/{row['difficulty']}/{unit}_max.png",
        "query_min": f"queries/{row['difficulty']}/{unit}_min.png",
    }  # fmt: skip


def _picture(path: Path, rng: np.random.Generator) -> None:
    if not path.exists():
        store.write_png(path, rng.integers(0, 255, (8, 8, 3), dtype=np.uint8).repeat(6, 0).repeat(6, 1))
