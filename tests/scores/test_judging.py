"""Outcomes of tasks. Oracle: the formulas of the machine interpretability score, written as loops."""

import numpy as np
import pandas as pd
import pytest

from exemplum.scores.judging import Similarities
from exemplum.scores.scoring import Judge

RNG = np.random.default_rng(0)


class Planted:
    name, metric = "planted", "cosine"


def by_hand(vectors, metric, queries, references):
    """Δ and the softmax of a task's standardized evidence for right and for wrong, pair by pair."""

    def similarity(first, second):
        if metric == "euclidean":
            return -((first - second) ** 2).sum()
        return first @ second / np.linalg.norm(first) / np.linalg.norm(second)

    table = np.array([[[similarity(vectors[q], vectors[r]) for r in pole] for pole in references] for q in queries])
    means = table.mean(2)
    evidence = (means[0, 0] - means[0, 1]) - (means[1, 0] - means[1, 1])
    standardized = (table - table.mean()) / table.std()
    right = standardized[0, 0].mean() - standardized[0, 1].mean()
    wrong = standardized[1, 0].mean() - standardized[1, 1].mean()
    return evidence, np.exp(right) / (np.exp(right) + np.exp(wrong))


@pytest.mark.parametrize("metric", ["cosine", "euclidean"])
@pytest.mark.parametrize("whole", [0, 8192], ids=["looked up one by one", "all similarities held"])
def test_outcomes_are_those_of_the_formulas(metric, whole):
    vectors = RNG.normal(size=(60, 7)).astype(np.float32) + 1
    shown = np.stack([RNG.permutation(60)[:12] for _ in range(30)])
    queries, references = shown[:, :2], shown[:, 2:].reshape(30, 2, 5)
    found = Similarities(vectors, metric, whole=whole).judge(queries, references)
    for task in range(30):
        evidence, score = by_hand(vectors, metric, queries[task], references[task])
        assert found.evidence[task] == pytest.approx(evidence, abs=1e-4)
        assert found.score[task] == pytest.approx(score, abs=1e-4)
        assert found.correct[task] == (evidence > 0)


def test_without_any_evidence_an_answer_is_half_right():
    found = Similarities(np.ones((4, 3), np.float32), "cosine").judge(np.array([[0, 1]]), np.array([[[2], [3]]]))
    assert (found.correct[0], found.score[0], found.evidence[0]) == (0.5, 0.5, 0)


def test_exchanging_queries_or_poles_turns_the_evidence_round():
    vectors = RNG.normal(size=(40, 5)).astype(np.float32)
    shown = RNG.permutation(40)[:20].reshape(1, 20)
    queries, references = shown[:, :2], shown[:, 2:].reshape(1, 2, 9)
    judge = Similarities(vectors, "cosine").judge
    assert judge(queries, references).evidence == pytest.approx(-judge(queries[:, ::-1], references).evidence)
    assert judge(queries, references).score == pytest.approx(1 - judge(queries, references[:, ::-1]).score, abs=1e-6)


def test_means_and_spread_of_a_unit_are_those_of_its_tasks():
    vectors = RNG.normal(size=(60, 7)).astype(np.float32) + 1
    queries = {f"a:{unit}": RNG.integers(0, 60, (n, 2)) for unit, n in enumerate((5, 1, 0, 3))}
    references = {unit: RNG.integers(0, 60, (len(of), 2, 4)) for unit, of in queries.items()}
    judge = Judge(Planted(), vectors)
    tasks = {(unit, 4, "extreme"): (queries[unit], references[unit]) for unit in queries}
    table = pd.concat(judge.rows(tasks, {"method": "natural", "null": ""})).set_index("unit")
    for unit in ("a:0", "a:1", "a:3"):
        found = Similarities(vectors, "cosine").judge(queries[unit], references[unit])
        assert table.loc[unit, "score"] == pytest.approx(found.score.mean())
        assert table.loc[unit, "accuracy"] == found.correct.mean()
        sd = np.std(found.score, ddof=1) if len(found.score) > 1 else np.nan
        assert table.loc[unit, "score_sd"] == pytest.approx(sd, nan_ok=True)
    assert table.loc["a:2", ["score", "score_sd", "accuracy"]].isna().all()
