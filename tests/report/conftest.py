"""A small finished study with real pictures: crops of photographs that come with scikit-image."""

from html.parser import HTMLParser
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from skimage import data, filters

from exemplum import store, tables
from exemplum.analysis import AnalysisSection, verdict
from exemplum.report import stage
from exemplum.study import blinding
from exemplum.study.folder import Study

UNITS = [("mixed3a:3", "1x1", "random"), ("mixed4a:17", "3x3", "random"), ("mixed5b:2", "pool", "hand_picked")]
METHODS = ("natural", "synthetic")
ACCURACY = {
    "participants": {"natural": 0.9, "synthetic": 0.8, "none": 0.45},
    "similarity": {"natural": 0.95, "synthetic": 0.7, "none": 0.5},
    "ideal": {"natural": 1.0, "synthetic": 1.0, "none": 1.0},
}
TOML = """seed = 7
[units]
layers = ["mixed3a", "mixed4a", "mixed5b"]
[design]
participants = 4
[server.codes]
completed = 'C0FFEE'  # pays the reward
"""
NOTE = "3 units, 45 in the protocol"
SIDE = 48  # pixels of the pictures


@pytest.fixture(scope="session")
def study(tmp_path_factory) -> Study:
    return make_study(tmp_path_factory.mktemp("report") / "crops")


@pytest.fixture(scope="session")
def written(study) -> Path:
    """The folder of the study's report."""
    stage.run(study)
    return study.folder / "report"


@pytest.fixture(scope="session")
def finish():
    """Make a study from finished stimuli, without index and activations, in a folder."""
    return lambda folder: make_study(folder, network=False)


@pytest.fixture
def finished_stimuli(tmp_path, finish) -> Study:
    return finish(tmp_path / "finished")


def make_study(folder: Path, network: bool = True) -> Study:
    folder.mkdir(parents=True)
    text = TOML if network else TOML + '[stimuli]\nload = "folder:stimuli"\n'
    (folder / "study.toml").write_text(text, encoding="utf-8")
    study = Study.open(folder)
    units = tables.STUDY_UNITS.write(
        folder / "explanations/units.parquet",
        [unit(name, branch) | {"selection": selection, "role": "main", "stimulus_set": ""}
         for name, branch, selection in UNITS],
    )  # fmt: skip
    tables.STIMULI.write(folder / "explanations/stimuli.parquet", stimuli(folder, network))
    trials = tables.TRIALS.write(folder / "design/trials.parquet", list(session_trials(units)))
    tables.BLOCKS.write(folder / "design/blocks.parquet", [])
    store.write_json(folder / "design/design.json", {"protocol": "borowski2021-1", "seed": 7, "notes": [NOTE]})
    responses = tables.RESPONSES.frame(list(answers(trials)))
    people = responses["observer_kind"] == "person"
    tables.RESPONSES.write(folder / "responses/machines.parquet", responses[~people])
    tables.RESPONSES.write(folder / "responses/people.parquet", responses[people])
    tables.ESTIMATES.write(folder / "analysis/estimates.parquet", estimates(responses))
    tables.COMPARISONS.write(folder / "analysis/comparisons.parquet", comparisons(responses))
    judged = verdict.verdicts(responses, AnalysisSection())
    tables.VERDICTS.write(folder / "analysis/verdicts.parquet", judged[judged["observer"] == "participants"])
    if network:
        tables.IMAGES.write(folder / "index/broken.parquet", [{"image": "torn.jpg", "reason": "truncated"}])
    blinding.write_status(
        study, blinding.Status("0" * 32, "closed", 1, int(people.sum()), 4, "design", "experiment.sqlite")
    )
    for name in ("index",) * network + ("explanations", "design", "responses", "analysis"):
        study.finish(name, f"{name}-fingerprint", 1.5, {"made": 3})
    return study


def unit(name: str, branch: str) -> dict:
    layer, _, channel = name.partition(":")
    return {"unit": name, "layer": layer, "channel": int(channel), "branch": branch}


def stimuli(folder: Path, network: bool):
    photographs = [data.astronaut(), data.coffee(), data.chelsea()]
    rng = np.random.default_rng(7)
    for (name, branch, _), photograph in zip(UNITS, photographs, strict=True):
        for method in METHODS:
            for pole in ("max", "min"):
                for position in range(10):
                    path = f"explanations/{method}/{name.replace(':', '-')}/{pole}_{position}.png"
                    store.write_png(folder / path, crop(photograph, method, rng))
                    sign = 1 if pole == "max" else -1
                    value = sign * float(rng.uniform(1, 3) + 2 * (method == "synthetic"))
                    margin = float(abs(value) - 3) if method == "synthetic" else -0.5
                    yield unit(name, branch) | {
                        "path": path, "method": method, "pole": pole, "references": 9, "position": position,
                        "batch": 1 if method == "natural" else -1, "image": path if method == "natural" else "",
                        "group": "", "activation": value if network else np.nan,
                        "percentile": (99.0 if sign > 0 else 1.0) if network else np.nan,
                        "margin": margin if network else np.nan,
                        "failed": network and method == "synthetic" and position == 4,
                    }  # fmt: skip


def crop(photograph: np.ndarray, method: str, rng: np.random.Generator) -> np.ndarray:
    y, x = (int(rng.integers(0, size - SIDE)) for size in photograph.shape[:2])
    patch = photograph[y : y + SIDE, x : x + SIDE]
    if method == "natural":
        return patch
    return (255 * filters.gaussian(patch, 4, channel_axis=2)).astype(np.uint8)[::-1]


def session_trials(units: pd.DataFrame):
    rng = np.random.default_rng(3)
    for participant in range(1, 5):
        for block, condition in enumerate(("none", "natural", "synthetic")):
            for index, row in enumerate(units.to_dict("records")):
                for kind in ("main", "catch") if condition != "none" and index == 0 else ("main",):
                    folder = f"explanations/{condition}/{row['unit'].replace(':', '-')}"
                    natural = f"explanations/natural/{row['unit'].replace(':', '-')}"
                    shown = condition != "none"
                    kept = ("unit", "layer", "channel", "branch", "selection", "role", "stimulus_set")
                    yield {key: row[key] for key in kept} | {
                        "trial_id": f"p{participant:02d}-b{block:02d}-t{index + 50 * (kind == 'catch'):02d}",
                        "participant": participant, "block": block, "index": 4 * block + index, "kind": kind,
                        "condition": condition, "phase": "main" if shown else "pre",
                        "scheme": "Min-Max-9" if shown else "", "batch": 1,
                        "max_references": tuple(f"{folder}/max_{k}.png" for k in range(9)) if shown else (),
                        "min_references": tuple(f"{folder}/min_{k}.png" for k in range(1, 10)) if shown else (),
                        "query_max": f"{natural}/max_9.png", "query_min": f"{natural}/min_0.png",
                        "max_side": str(rng.choice(["top", "bottom"])), "repeats": "",
                    }  # fmt: skip


def answers(trials: pd.DataFrame):
    rng = np.random.default_rng(11)
    for observer, accuracy in ACCURACY.items():
        person = observer == "participants"
        for trial in trials.to_dict("records"):
            correct = bool(rng.random() < accuracy[trial["condition"]])
            wrong_side = "bottom" if trial["max_side"] == "top" else "top"
            kept = ("trial_id", "block", "condition", "phase", "scheme", "unit", "layer", "channel", "branch",
                    "selection", "stimulus_set", "batch", "max_side", "repeats")  # fmt: skip
            yield {key: trial[key] for key in kept} | {
                "experiment": "borowski2021-1", "observer": observer,
                "observer_kind": "person" if person else "machine",
                "participant": f"p{trial['participant']:02d}", "expertise": "", "trial": trial["index"],
                "trial_kind": trial["kind"], "choice": trial["max_side"] if correct else wrong_side,
                "correct": correct, "confidence": int(rng.integers(1, 4)),
                "rt_ms": float(rng.lognormal(8, 0.4)) if person else np.nan,
            }  # fmt: skip


def estimates(responses: pd.DataFrame):
    """What the analysis would find, computed the plain way: pooled shares, and a normal interval over trials."""
    main = responses[responses["trial_kind"] == "main"]
    keyed = {"all": pd.Series("", main.index)} | {
        by: main[by] for by in ("layer", "branch", "selection", "participant", "unit")
    } | {"confidence": main["confidence"].astype(str)}  # fmt: skip
    for by, group in keyed.items():
        for (observer, condition, value), rows in main.groupby(["observer", "condition", group]):
            yield estimate(rows["correct"], "accuracy", observer, condition, by, value)
    for (observer, condition), rows in main.groupby(["observer", "condition"]):
        for rating in (1, 2, 3):
            yield estimate(rows["confidence"] == rating, f"confidence_{rating}", observer, condition)
        for subset, some in (("all", rows), ("correct", rows[rows["correct"]]), ("wrong", rows[~rows["correct"]])):
            yield estimate(some["confidence"], "confidence", observer, condition, subset=subset)
            yield estimate(some["rt_ms"].dropna() / 1000, "rt_s", observer, condition, subset=subset)
    catch = responses[responses["trial_kind"] == "catch"]
    for (observer, condition), rows in catch.groupby(["observer", "condition"]):
        yield estimate(rows["correct"], "accuracy", observer, condition, kind="catch")


def estimate(values, measure, observer, condition, by="all", group="", subset="all", kind="main") -> dict:
    n = len(values)
    mean = float(values.mean()) if n else np.nan
    half = 1.96 * float(values.astype(float).std(ddof=0)) / np.sqrt(n) if n else np.nan
    return {
        "experiment": "borowski2021-1", "observer": observer, "measure": measure, "trial_kind": kind,
        "condition": condition, "by": by, "group": group, "subset": subset, "aggregate": "pooled", "estimate": mean,
        "interval": "wilson", "low": mean - half, "high": mean + half, "n_trials": n, "n_participants": 4 if n else 0,
    }  # fmt: skip


def comparisons(responses: pd.DataFrame):
    main = responses[responses["trial_kind"] == "main"]
    for observer, rows in main.groupby("observer"):
        means = rows.groupby("condition")["correct"].mean()
        yield {
            "experiment": "borowski2021-1", "observer": observer, "measure": "accuracy", "subset": "all", "by": "all",
            "group": "", "a": "natural", "b": "synthetic", "test": "paired_t",
            "difference": means["natural"] - means["synthetic"], "effect": 0.8, "effect_name": "dz",
            "effect_low": np.nan, "effect_high": np.nan, "statistic": 2.5, "df": "3",
            "p": 0.0124, "p_adjusted": np.nan, "n": 4,
        }  # fmt: skip


class Page(HTMLParser):
    """A page as a browser's parser sees it: elements with their attributes, text by element id, open tags checked."""

    VOID = frozenset({"meta", "link", "img", "br"})

    def __init__(self, html: str) -> None:
        super().__init__()
        self.elements: list[tuple[str, dict[str, str]]] = []
        self.text: dict[str, str] = {}
        self._open: list[tuple[str, str]] = []
        self.feed(html)
        self.close()
        assert not self._open, f"never closed: {self._open}"

    def handle_starttag(self, tag, attrs):
        values = {name: value or "" for name, value in attrs}
        self.elements.append((tag, values))
        if tag not in self.VOID:
            self._open.append((tag, values.get("id", "")))

    def handle_endtag(self, tag):
        opened, _ = self._open.pop()
        assert opened == tag, f"{opened} closed by {tag}"

    def handle_data(self, data):
        for _, name in self._open:
            if name:
                self.text[name] = self.text.get(name, "") + data

    def all(self, tag: str) -> list[dict[str, str]]:
        return [attrs for name, attrs in self.elements if name == tag]

    def values(self, attribute: str) -> list[str]:
        return [attrs[attribute] for _, attrs in self.elements if attribute in attrs]


@pytest.fixture(scope="session")
def parse():
    return lambda path: Page(path.read_text(encoding="utf-8"))
