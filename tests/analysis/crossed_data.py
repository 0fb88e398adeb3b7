"""A small crossed data set that the tests share with R: 12 participants × 10 units × 2 conditions.

The values quoted from R were made with `write.csv` of these columns, R 4.2.2, lme4 1.1-31, geepack 1.3.9.
"""

import numpy as np
import pandas as pd

from exemplum.tables import RESPONSES


def columns() -> pd.DataFrame:
    """participant, unit, condition, correct, ln_rt; made from uniform numbers of NumPy's PCG64, seed 5."""
    rng = np.random.default_rng(5)
    p, u, c = np.array([(p, u, c) for p in range(12) for u in range(10) for c in range(2)]).T
    z = rng.random((3, 40))
    people, units, slopes = 2.4 * (z[0][:12] - 0.5), 3.2 * (z[1][:10] - 0.5), 2 * (z[2][:12] - 0.5)
    eta = 0.8 + 0.7 * (c == 0) + people[p] + units[u] + slopes[p] * (0.5 - c)
    correct = (rng.random(len(p)) < 1 / (1 + np.exp(-eta))).astype(int)
    noise = rng.random(len(p)) + rng.random(len(p)) - 1
    ln_rt = 1.2 + 0.2 * (c == 1) + 0.4 * people[p] + 0.3 * units[u] + 0.4 * slopes[p] * (0.5 - c) + 0.5 * noise
    names = np.array(["natural", "synthetic"])[c]
    return pd.DataFrame(
        {"participant": p, "unit": u, "condition": names, "correct": correct, "ln_rt": np.round(ln_rt, 4)}
    )


def three() -> pd.DataFrame:
    """The same with a third condition: the answers to synthetic, every fifth of which is turned at random."""
    d = columns()
    third = d[d["condition"] == "synthetic"].assign(condition="third")
    turned = np.random.default_rng(6).random(len(third)) < 0.2
    return pd.concat([d, third.assign(correct=third["correct"] ^ turned)], ignore_index=True)


def responses(d: pd.DataFrame | None = None) -> pd.DataFrame:
    """The same as RESPONSES; or other columns of the same names."""
    d = columns() if d is None else d
    rest = {"experiment": "test", "observer": "participants", "observer_kind": "person", "expertise": "", "block": 0,
            "trial_kind": "main", "phase": "main", "scheme": "", "layer": "mixed4a", "branch": "",
            "selection": "random", "stimulus_set": "", "batch": 1, "max_side": "top", "confidence": 2,
            "repeats": ""}  # fmt: skip
    return RESPONSES.frame(
        d[["condition"]].assign(
            **rest,
            difficulty=d.get("difficulty", ""),
            margin=np.nan,
            participant="p" + d["participant"].astype(str).str.zfill(2),
            unit="mixed4a:" + d["unit"].astype(str),
            channel=d["unit"],
            trial=range(len(d)),
            trial_id=[f"t{i}" for i in range(len(d))],
            correct=d["correct"] == 1,
            choice=np.where(d["correct"] == 1, "top", "bottom"),
            rt_ms=1000 * np.exp(d["ln_rt"]),
        )
    )


def two_difficulties() -> pd.DataFrame:
    """The same with a column difficulty, which rotates; at the harder one a third of the answers are made wrong."""
    d = columns()
    hard = (d["participant"] + d["unit"] + (d["condition"] == "synthetic")) % 2 == 1
    wrong = hard & (np.random.default_rng(7).random(len(d)) < 1 / 3)
    return d.assign(correct=d["correct"].where(~wrong, 0), difficulty=np.where(hard, "0.95", "extreme"))
