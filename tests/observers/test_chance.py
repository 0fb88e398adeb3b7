"""The chance observer."""

import numpy as np
from scipy.stats import binomtest, chisquare

from exemplum.observers.observer import Chance
from exemplum.records import Side


def test_choice_and_confidence_say_nothing(design):
    rng = np.random.default_rng(5)
    answers = [Chance().respond(trial, rng) for trial in design.trials]
    right = [answer.choice is trial.max_side for answer, trial in zip(answers, design.trials, strict=True)]
    tops = [answer.choice is Side.TOP for answer in answers]
    # seeded: what would happen by chance once in 1,000 seeds does not happen with this one
    assert binomtest(sum(right), len(right)).pvalue > 0.001
    assert binomtest(sum(tops), len(tops)).pvalue > 0.001
    assert chisquare(np.bincount([answer.confidence for answer in answers])[1:]).pvalue > 0.001
