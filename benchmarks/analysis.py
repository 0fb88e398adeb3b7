"""Time and memory of the analysis on 130,000 simulated answers: 1,900 participants, 760 units, 3 conditions.

    OMP_NUM_THREADS=2 python benchmarks/analysis.py [--bootstrap 10000] [--json FILE]

Prints a line a part: processor seconds, wall seconds, and the largest memory of the process so far, and writes the same
as JSON.
"""

from __future__ import annotations

import argparse
import resource
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pandas as pd

from exemplum import store
from exemplum.analysis import AnalysisSection, agreement, simulate, verdict
from exemplum.analysis.estimates import detection
from exemplum.analysis.estimates.measures import estimates
from exemplum.analysis.models import effects, fits, learning
from exemplum.analysis.tests.comparisons import comparisons, order_comparisons
from exemplum.responses import table

CONDITIONS = {"natural": 2.4, "synthetic": 1.5, "none": -0.2}  # log odds of a right answer
SPREAD = simulate.Spread(participant=0.5, unit=0.5)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--bootstrap", type=int, default=10_000, help="resamples; 0 for none")
    parser.add_argument("--json", type=Path, help="where to write the figures")
    given = parser.parse_args()
    resamples = given.bootstrap
    frame = answers(np.random.default_rng(1))
    units, people = frame["unit"].nunique(), frame["participant"].nunique()
    print(f"{len(frame):,} answers of {people:,} participants to {units} units")
    parts: dict[str, Callable[[], object]] = {
        "checks": lambda: table.check(frame),
        "estimates without bootstrap": lambda: estimates(frame, 1, 0),
        f"estimates, {resamples:,} resamples": lambda: estimates(frame, 1, resamples),
        "comparisons": lambda: comparisons(frame, 1),
        "glmm": lambda: fits.compare_accuracy(frame),
        "effects": lambda: effects.effects(frame),
        "lmm": lambda: fits.compare_reaction_time(frame),
        "gee": lambda: fits.compare_population(frame),
        "detection": lambda: detection.detection_estimates(frame),
        "calibration": lambda: detection.calibration_estimates(frame),
        "learning": lambda: learning.learning_estimates(frame),
        "reliability": lambda: agreement.reliability_estimates(frame, 1),
        "agreement": lambda: agreement.agreement_estimates(frame),
        "order": lambda: order_comparisons(frame),
        "verdict": lambda: verdict.verdicts(frame, AnalysisSection()),
    }
    began = time.process_time(), time.perf_counter()
    lines = [_timed(name, part) for name, part in parts.items()]
    lines.append(_line("all", time.process_time() - began[0], time.perf_counter() - began[1]))
    if given.json:
        sizes = {"answers": len(frame), "participants": people, "units": units}
        store.write_json(given.json, sizes | {"parts": lines})


def answers(rng: np.random.Generator) -> pd.DataFrame:
    """RESPONSES by the mixed model, with every column that something is computed by."""
    frame = simulate.trials(1900, 760, list(CONDITIONS), rng, units_each=23)
    frame = simulate.logistic(frame, CONDITIONS, SPREAD, rng)
    none = frame["condition"] == "none"
    return frame.assign(
        branch=np.array(["1x1", "3x3", "5x5", "pool"])[frame["channel"] % 4],
        scheme=np.where(none, "", "Min-Max-9"),
        expertise=np.where(frame["participant"].str[-1].isin(list("0123")), "expert", "lay"),
        phase=np.where(none, np.where(frame["trial"] < 35, "pre", "post"), "main"),
        rt_ms=np.exp(rng.normal(8.3, 0.6, len(frame))),
    )


def _timed(name: str, part: Callable[[], object]) -> dict[str, object]:
    cpu, wall = time.process_time(), time.perf_counter()
    part()
    return _line(name, time.process_time() - cpu, time.perf_counter() - wall)


def _line(name: str, cpu: float, wall: float) -> dict[str, object]:
    memory = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1e6
    print(f"{name:36} {cpu:7.1f} s processor {wall:7.1f} s wall {memory:6.2f} GB")
    return {"part": name, "processor_s": round(cpu, 1), "wall_s": round(wall, 1), "memory_gb": round(memory, 2)}


if __name__ == "__main__":
    main()
