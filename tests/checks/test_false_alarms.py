"""Fair studies, made of one: its pictures dealt to its files again, its sides tossed again. How many are accused?"""

import numpy as np
import pytest
from scipy.stats import binomtest

from checks import studies
from exemplum import design as designs
from exemplum.checks import Finding, cues, low_level, shown, sides
from exemplum.checks.chance import FALSE_ALARM
from exemplum.observers import CUES, encoders

STATED = 4 * FALSE_ALARM  # of the four kinds of tests together: 1 %


def accused(study, number: int) -> int:
    """How many of `number` fair studies have a finding by chance, of whatever kind."""
    design = designs.load(study)
    stimuli = list(shown.stimuli(design))
    pictures = shown.ShownPictures(study.folder, (path for stimulus in stimuli for path in stimulus.paths))
    each = [pictures.picture(key) for key in pictures.distinct]
    encoded = {encoder.name: (encoder, encoder.encode(each)) for encoder in encoders(study, CUES)}
    rng, alarms = np.random.default_rng(2021), 0
    for seed in range(number):
        dealt = rng.permutation(len(each))
        made = {name: (encoder, vectors[dealt]) for name, (encoder, vectors) in encoded.items()}
        numbers = cues.cues_of({name: vectors for name, (_, vectors) in made.items()})
        found: list[Finding] = [
            *low_level.low_level(stimuli, pictures, made, {}, seed), *cues.query_cues(stimuli, pictures, numbers, seed),
            *cues.pole_cues(stimuli, pictures, numbers, seed), *sides.sides(studies.biased(design, 0.5, rng)),
        ]  # fmt: skip
        # the p values, which do not ask for a size as verdicts do
        alarms += any(finding.p <= FALSE_ALARM for finding in found)
    return alarms


@pytest.mark.slow
def test_one_fair_study_in_a_hundred_is_accused_at_most(fair):
    alarms = accused(fair, 500)
    print(f"{alarms} of 500 fair studies have a finding")
    assert binomtest(alarms, 500, STATED, alternative="greater").pvalue >= 0.001


def test_few_fair_studies_are_accused(fair):
    """The same with fewer, for every run of the tests."""
    assert binomtest(accused(fair, 10), 10, STATED, alternative="greater").pvalue >= 0.001
