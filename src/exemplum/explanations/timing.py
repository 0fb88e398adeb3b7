"""How long the synthetic pictures of a study will take."""

from __future__ import annotations

import math
from collections.abc import Mapping

from exemplum import queries
from exemplum.explanations.synthetic import SyntheticSection
from exemplum.index import stage as index_stage
from exemplum.protocols import protocol
from exemplum.runtime import said_duration
from exemplum.study import Study

LONG = 3600.0  # seconds from which shorter ways are named


def estimate(study: Study, sections: Mapping[str, SyntheticSection]) -> str:
    """The time of all uses of the method synthetic on this machine, in words; empty if there is not much to make.

    sections: the settings of each use, by its name. Pictures of a stopped run, which are kept, count as well.
    """
    from exemplum.explanations.synthetic import method, timing  # late: torch takes seconds to import
    from exemplum.explanations.synthetic.scheduler import Setup

    model, index = index_stage.load_model(study), study.config.index
    most = max(protocol(study.config.design.protocol).reference_counts)
    layers = queries.expected_units(study)
    told, total = [], 0.0
    for name, section in sections.items():
        recipe = method.configured(section, model.input_size, most)
        setup = Setup(model, index.relu, index.objective, section.precision, study.config.seed)
        seconds = timing.seconds(setup, layers, recipe)
        if not math.isnan(seconds):
            steps = timing.image_steps(recipe, sum(layers.values()))
            told.append(f"{name}: {steps:,} image-steps, {_rate(steps / seconds)} per second")
            total += seconds
    if not told:
        return ""
    hint = "; docs/reference/synthesis.md names faster recipes" if total > LONG else ""
    return f"about {said_duration(total)} to optimize pictures ({'; '.join(told)}){hint}"


def _rate(per_second: float) -> str:
    """Whole numbers from 10 on, two digits below.

    >>> [_rate(rate) for rate in (1_234_567, 14.2, 1.42, 0.042)]
    ['1,234,567', '14', '1.4', '0.042']
    """
    return f"{per_second:,.0f}" if per_second >= 10 else f"{per_second:.2g}"
