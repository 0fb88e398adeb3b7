"""How well an observer's evidence predicts people: a fitted α, kept in a file that other studies can use.

P(people are right) = σ(α Δ), with Δ the observer's evidence for the query that is right. The analysis fits α to the
answers of people and writes `analysis/calibration.json`; `[scores] calibration` of study.toml names such a file:

    {"format": 1,
     "formula": "P(people are right) = 1 / (1 + exp(-alpha * evidence))",
     "observers": {"similarity": {"alpha": 3.1, "low": 2.4, "high": 3.8, "std_error": 0.34, "fingerprint": "5d41…",
                                  "metric": "cosine", "experiment": "quick", "n_trials": 640, "n_participants": 20,
                                  "n_units": 32}}}

α has the unit of 1 / Δ, so it holds for one encoder and one measure of similarity only.
"""

from __future__ import annotations

import json
import math
from collections.abc import Iterable
from dataclasses import asdict, dataclass, fields
from pathlib import Path
from typing import Any, Protocol

import numpy as np

from exemplum import store
from exemplum.errors import UserError, did_you_mean

FORMAT = 1
FORMULA = "P(people are right) = 1 / (1 + exp(-alpha * evidence))"
ENCODERS = "encoders.json"  # beside EVIDENCE: which encoder each observer compared by


class NamedEncoder(Protocol):
    """What is kept of an encoder."""

    @property
    def name(self) -> str: ...

    @property
    def fingerprint(self) -> str: ...

    @property
    def metric(self) -> str: ...


@dataclass(frozen=True)
class Calibration:
    """An observer's α, fitted to people's answers, with its 95 % interval."""

    observer: str
    alpha: float
    low: float
    high: float
    std_error: float
    fingerprint: str  # of the encoder; empty for an observer without one
    metric: str  # cosine or euclidean; empty without an encoder
    experiment: str
    n_trials: int
    n_participants: int
    n_units: int

    def probability(self, evidence: np.ndarray) -> np.ndarray:
        """The probability that people are right, (n,), from the evidence Δ of trials, (n,).

        >>> made = Calibration("similarity", 2.0, 1.5, 2.5, 0.2, "", "cosine", "quick", 640, 20, 32)
        >>> made.probability(np.array([0.0, 1.0, -1.0])).round(3).tolist()
        [0.5, 0.881, 0.119]
        """
        return 1 / (1 + np.exp(-self.alpha * np.asarray(evidence, dtype=float)))


def write_calibrations(path: Path, calibrations: Iterable[Calibration]) -> None:
    """Write the file; without any calibration it is removed. Of one observer that with the most trials is kept."""
    kept: dict[str, Any] = {}
    for made in sorted(calibrations, key=lambda made: made.n_trials):
        values = asdict(made)
        kept[values.pop("observer")] = values
    if not kept:
        path.unlink(missing_ok=True)
        return
    store.write_json(path, {"format": FORMAT, "formula": FORMULA, "observers": dict(sorted(kept.items()))})


def read_calibration(path: Path, encoder: NamedEncoder) -> Calibration:
    """The α of an encoder. Raises UserError if the file is missing or broken, or its α is not of this encoder."""
    found = _observers(path)
    if encoder.name not in found:
        raise UserError(
            f"{path} has no calibration of the observer {encoder.name!r}{did_you_mean(encoder.name, found)}; it is "
            f"of {', '.join(found) or 'none'}"
        )
    made = found[encoder.name]
    if (made.fingerprint, made.metric) != (encoder.fingerprint, encoder.metric):
        raise UserError(
            f"{path}: the calibration of {encoder.name} was fitted with another encoder (fingerprint "
            f"{made.fingerprint or 'unknown'}, {made.metric or 'unknown'}; this study's is {encoder.fingerprint}, "
            f"{encoder.metric}), and α depends on it; use the same model, weights and layers, or leave the key out"
        )
    return made


def calibrated_observers(path: Path) -> tuple[str, ...]:
    """The observers that have an α in the file. Raises UserError if it is missing or broken."""
    return tuple(_observers(path))


def _observers(path: Path) -> dict[str, Calibration]:
    if not path.exists():
        raise UserError(f"{path} does not exist; exemplum analyze writes analysis/calibration.json if people answered")
    try:
        held = json.loads(path.read_text(encoding="utf-8"))
        known = {field.name for field in fields(Calibration)}
        found = {
            name: Calibration(observer=name, **{key: value for key, value in values.items() if key in known})
            for name, values in held["observers"].items()
        }
        if held["format"] != FORMAT or not all(math.isfinite(made.alpha) for made in found.values()):
            raise ValueError("another format, or an α that is not a number")
    except (AttributeError, KeyError, TypeError, ValueError, RecursionError, OSError) as error:
        raise UserError(
            f"{path} is not a calibration ({error}); use the calibration.json that exemplum analyze wrote"
        ) from error
    return found


def write_encoders(folder: Path, encoders: Iterable[NamedEncoder]) -> None:
    """Note, beside the evidence in a folder of responses, which encoder each observer compared by."""
    said = {of.name: {"fingerprint": of.fingerprint, "metric": of.metric} for of in encoders}
    store.write_json(folder / ENCODERS, said)


def read_encoders(folder: Path) -> dict[str, dict[str, str]]:
    """Fingerprint and metric by the name of the observer; empty if none are noted."""
    path = folder / ENCODERS
    return dict(json.loads(path.read_text(encoding="utf-8"))) if path.exists() else {}
