"""The numbers that test_prediction_powered.py quotes from ppi-python, which installs a top-level package `tests`.

So it needs an environment of its own:

    python -m venv ORACLE && ORACLE/bin/pip install ppi-python==0.2.3
    ORACLE/bin/python tests/analysis/ppi_oracle.py
"""

import numpy as np


def data(seed: int = 7, judged: int = 400, others: int = 3600) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Right answers to judged units, the machine's score of them, and that of the other units."""
    rng = np.random.default_rng(seed)
    truth = rng.random(judged + others)
    score = np.clip(0.2 + 0.5 * truth + 0.3 * (rng.random(judged + others) - 0.5), 0, 1)
    right = (rng.random(judged) < 0.3 + 0.65 * truth[:judged]).astype(float)
    return right, score[:judged], score[judged:]


if __name__ == "__main__":
    from ppi_py import ppi_mean_ci, ppi_mean_pointestimate

    right, score, others = data()
    for weight in (0.0, 0.5, 0.9, 1.0):
        value = float(ppi_mean_pointestimate(right, score, others, lam=weight)[0])
        low, high = (float(end[0]) for end in ppi_mean_ci(right, score, others, alpha=0.05, lam=weight))
        print(f"    ({weight}, {value:.8f}, {low:.8f}, {high:.8f}),")
    value = float(ppi_mean_pointestimate(right, score, others)[0])
    low, high = (float(end[0]) for end in ppi_mean_ci(right, score, others, alpha=0.05))
    print(f"    (None, {value:.8f}, {low:.8f}, {high:.8f}),  # its own weight, at most 1")
