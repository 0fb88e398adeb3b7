"""The leakage audit of a finished design: all checks, as one table."""

from __future__ import annotations

import time
from collections.abc import Iterator, Mapping

import numpy as np
import pandas as pd

from exemplum import design as designs, queries
from exemplum.checks import cues, table
from exemplum.checks.activation import activations
from exemplum.checks.copies import both_poles, queries_among_references
from exemplum.checks.features import features
from exemplum.checks.finding import Finding, Verdict
from exemplum.checks.low_level import Cell, accuracies, low_level
from exemplum.checks.shown import ShownPictures, Stimulus, stimuli
from exemplum.checks.sides import sides
from exemplum.errors import UserError
from exemplum.observers import CUES, SIMILARITY, Encoder, encoders, vector_cache
from exemplum.records import Design
from exemplum.study import Study
from exemplum.tables import CHECKS

OF_CORPUS = ("natural",)  # in finished stimuli


def audit(study: Study) -> pd.DataFrame:
    """Check the design of a study for leaks, and write CHECKS into its folder `checks`.

    Nothing else is made or changed, so a study that people have answered can be checked, too. Raises DesignError if
    there is no design yet, StoreError naming a picture that cannot be read.
    """
    began = time.monotonic()
    design = designs.load(study)
    references, pairs = queries.load(study)
    found = list(_findings(study, design, references, pairs))
    order = {name: place for place, name in enumerate(table.CHECK_TITLES)}
    rows = [finding.row for finding in sorted(found, key=lambda finding: order[finding.check])]
    study.begin_writing(table.NAME)
    made = CHECKS.write(study.stage(table.NAME) / table.FILE, rows)
    summary = {verdict: int((made["verdict"] == verdict).sum()) for verdict in map(str, Verdict)}
    study.finish(table.NAME, table.fingerprint(study), time.monotonic() - began, summary, table.VERSION)
    return made


def _findings(study: Study, design: Design, references: pd.DataFrame, pairs: pd.DataFrame) -> Iterator[Finding]:
    uses, is_finished = study.config.explanations.uses, study.config.stimuli is not None
    of_corpus = OF_CORPUS if is_finished else [use.name for use in uses if use.is_of_corpus]
    shown = list(stimuli(design))
    made_of_one = pairs[(pairs["image_max"] != "") & (pairs["image_max"] == pairs["image_min"])]
    copies_of_one = set(made_of_one[["query_max", "query_min"]].itertuples(index=False, name=None))
    yield from sides(design)
    yield from activations(shown, pairs)
    yield from queries_among_references(
        design, references, pairs, study.folder, of_corpus=of_corpus, any_batch=not is_finished
    )
    known = designs.identities(references, pairs)
    yield from both_poles(shown, known, study.folder, copies_of_one)
    pictures = ShownPictures(study.folder, (path for stimulus in shown for path in stimulus.paths))
    semantic: dict[Cell, float] = {}
    try:
        network = encoders(study, [SIMILARITY])[0]
        vectors = _vectors(study, network, pictures)
    except (UserError, ModuleNotFoundError) as error:
        yield _not_compared(str(error))
    else:
        yield from features(shown, pictures, vectors, known, of_corpus, network.name)
        semantic = _means(accuracies(shown, pictures, network, vectors))
    yield from _by_cues(study, shown, pictures, semantic)


def _by_cues(
    study: Study, shown: list[Stimulus], pictures: ShownPictures, semantic: dict[Cell, float]
) -> Iterator[Finding]:
    made = {encoder.name: (encoder, _vectors(study, encoder, pictures)) for encoder in encoders(study, CUES)}
    numbers = cues.cues_of({name: vectors for name, (_, vectors) in made.items()})
    yield from low_level(shown, pictures, made, semantic, study.config.seed)
    yield from cues.query_cues(shown, pictures, numbers, study.config.seed)
    yield from cues.pole_cues(shown, pictures, numbers, study.config.seed)


def _means(shares: Mapping[tuple[str, Cell], float]) -> dict[Cell, float]:
    """Means over units of the accuracies of one observer, by method and difficulty."""
    found: dict[Cell, list[float]] = {}
    for (_, cell), share in shares.items():
        found.setdefault(cell, []).append(share)
    return {cell: float(np.mean(of)) for cell, of in found.items()}


def _not_compared(reason: str) -> Finding:
    return Finding(
        "features", SIMILARITY, Verdict.UNKNOWN, np.nan, 0.0, np.nan, np.nan, 0, "stimuli",
        f"pictures were not compared by features: {reason}",
        "name another network in study.toml: [observers.similarity]",
    )  # fmt: skip


def _vectors(study: Study, encoder: Encoder, pictures: ShownPictures) -> np.ndarray:
    """The vectors of the distinct pictures, (pictures, d); kept where those of the study's observers are."""
    return vector_cache(study, encoder).vectors(pictures.distinct, pictures.picture)
