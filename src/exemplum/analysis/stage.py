"""The analysis stage: all statistics of a table of responses, from a study or from published data."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from exemplum import queries, store
from exemplum.analysis import AnalysisSection, agreement, reliability, verdict
from exemplum.analysis.estimates import cells, detection, intervals, measures
from exemplum.analysis.estimates.measures import estimates
from exemplum.analysis.machines.predictions import Machines, predictions
from exemplum.analysis.models import effects, fits, learning
from exemplum.analysis.tests.comparisons import adjusted, comparisons, order_comparisons, paired_tests
from exemplum.analysis.tests.two_samples import mann_whitney
from exemplum.errors import UserError, shown
from exemplum.records import ALL, easiest_first
from exemplum.responses import (
    Calibration,
    ExclusionsSection,
    exclusions,
    files,
    read_all,
    read_encoders,
    write_calibrations,
)
from exemplum.store import Table, csv_text
from exemplum.study import Stage, Study, blinding
from exemplum.tables import (
    COMPARISONS,
    EFFECTS,
    ESTIMATES,
    EVIDENCE,
    EXCLUSIONS,
    INDEX_UNITS,
    MODELS,
    PEOPLE_AND_MACHINES,
    RATINGS,
    SCORES,
    TRIALS,
    VERDICTS,
)

VERSION = 9
CALIBRATION = "calibration.json"
MACHINES = {"evidence": "responses/evidence.parquet", "scores": "scores/scores.parquet"}  # if there are any


def check_names(study: Study) -> None:
    """Raise StudyError if the verdict is to be about a difficulty that the study has no queries of."""
    if not study.config.stimuli:
        _refuse_unknown_difficulty(study, [use.name for use in study.config.queries.uses])


def fingerprint(study: Study) -> str:
    """A hash of everything that the analysis depends on, including the answer files, which grow while people answer."""
    paths = [
        *files(study.stage("responses")),
        *filter(Path.exists, (study.folder / name for name in MACHINES.values())),
    ]
    held = [(path.name, path.stat().st_size, path.stat().st_mtime_ns) for path in paths]
    said = study.config
    rules = (said.analysis.model_dump(), said.exclusions.model_dump(), said.explanations.baseline)
    return store.digest(VERSION, said.seed, *rules, study.made("responses"), held, *blinding.state(study))


def run(study: Study) -> dict[str, Any]:
    """Analyse all answers. Raises UserError if they cannot be used."""
    folder, config = study.stage("responses"), study.config
    found = read_all(folder, _conditions(study))
    responses, ratings, people = blinding.visible(study, found.responses, found.ratings, found.people)
    if responses.empty and (said := blinding.notice(study)):
        raise UserError(f"there is nothing to analyse: {folder} has no answers of machines. {said}")
    main = responses[responses["trial_kind"] == "main"]
    _refuse_unknown_difficulty(study, [name for name in main["difficulty"].unique() if name])
    results = analyse(
        responses,
        ratings,
        people if found.has_sessions else None,
        config.seed,
        config.analysis,
        config.exclusions,
        _stimuli(study),
        config.explanations.baseline,
        _machines(study),
    )
    study.begin_writing("analysis")
    results.write(study.stage("analysis"))
    write_calibrations(study.stage("analysis") / CALIBRATION, results.calibrations)
    observers = responses.groupby("observer")["participant"].nunique()
    sat = ", ".join(f"{name} ({n} session{'s' * (n != 1)})" for name, n in observers.items())
    made = {name: len(frame) for name, (_, frame) in results.tables.items() if len(frame)}
    return {"answers": len(responses), "observers": sat, **made}


def _refuse_unknown_difficulty(study: Study, known: list[str]) -> None:
    wanted, names = study.config.analysis.difficulty, ", ".join(easiest_first(known))
    if wanted != ALL and known and wanted not in known:
        with study.setting("[analysis] difficulty"):
            raise UserError(f"must be all or one of the study's difficulties: {names} (got {shown(wanted)})")


def _stimuli(study: Study) -> pd.DataFrame | None:
    path = study.stage("explanations") / "stimuli.parquet"
    return queries.load(study)[0] if path.exists() else None


def _machines(study: Study) -> Machines:
    """What machines say besides their answers, as far as it has been made."""
    paths = {name: study.folder / path for name, path in MACHINES.items()}
    units = study.stage("index") / "units.parquet"
    return Machines(
        EVIDENCE.read(paths["evidence"]) if paths["evidence"].exists() else None,
        SCORES.read(paths["scores"]) if paths["scores"].exists() else None,
        INDEX_UNITS.read(units).set_index("unit")["branch"] if units.exists() else None,
        read_encoders(study.stage("responses")),
    )


def _conditions(study: Study) -> list[str] | None:
    """The conditions of the design, if there is one: an answer to any other condition belongs to another study."""
    path = study.stage("design") / "trials.parquet"
    return sorted(TRIALS.read(path)["condition"].unique()) if path.exists() else None


@dataclass(frozen=True)
class Results:
    """Tables as in exemplum.tables, by the name of their file, and how well machines' evidence predicts people."""

    tables: dict[str, tuple[Table, pd.DataFrame]]
    calibrations: list[Calibration] = field(default_factory=list)

    def __getitem__(self, name: str) -> pd.DataFrame:
        return self.tables[name][1]

    def write(self, folder: Path) -> None:
        """Write every table into the folder, as Parquet and CSV; what an earlier analysis told of people goes."""
        if "people_and_machines" not in self.tables:
            for path in folder.glob("people_and_machines.*"):
                path.unlink()
        for name, (table, frame) in self.tables.items():
            write(folder, name, table, frame)


def analyse(
    responses: pd.DataFrame,
    ratings: pd.DataFrame | None = None,
    people: pd.DataFrame | None = None,
    seed: int = 0,
    settings: AnalysisSection | None = None,
    rules: ExclusionsSection | None = None,
    stimuli: pd.DataFrame | None = None,
    baseline: str = cells.BASELINE,
    machines: Machines | None = None,
) -> Results:
    """All statistics of RESPONSES, and of RATINGS and PEOPLE if given, by experiment and observer.

    Participants whom the declared rules exclude are left out of all tables, except `exclusions` and the estimates by
    exclusion, which show the result under each rule. STIMULI, if given, add the margin of units' pictures to `effects`;
    `machines` adds what their evidence and their scores say of people.
    """
    settings, rules = settings or AnalysisSection(), rules or ExclusionsSection()
    kept, excluded = exclusions.apply(responses, rules, people)
    by_rule = exclusion_estimates(responses, rules, people)
    ratings = _of(RATINGS.frame() if ratings is None else ratings, kept)
    people = kept[kept["observer_kind"] == "person"]  # what takes participants as a sample is not for machines
    fitted, difficulty = fits.fits(people, baseline), effects.effects(people, stimuli, baseline)
    predicted = predictions(kept, machines or Machines(), seed, settings.bootstrap, baseline)
    found = {
        "estimates": (ESTIMATES, ESTIMATES.concat([
            *_estimates(kept, people, ratings, seed, settings.bootstrap), predicted.estimates, by_rule,
        ])),
        "comparisons": (COMPARISONS, COMPARISONS.concat([
            comparisons(people, seed, baseline), compare(ratings, seed), *(rows for _, rows in fitted),
            order_comparisons(people, baseline), effects.relations(difficulty), predicted.comparisons,
        ])),
        "models": (MODELS, MODELS.concat([*(rows for rows, _ in fitted), predicted.models])),
        "effects": (EFFECTS, difficulty),
        "exclusions": (EXCLUSIONS, excluded),
        "verdicts": (VERDICTS, verdict.verdicts(kept, settings, baseline)),
    }  # fmt: skip
    if len(predicted.people_and_machines):
        found["people_and_machines"] = (PEOPLE_AND_MACHINES, predicted.people_and_machines)
    return Results(found, predicted.calibrations)


def _estimates(
    kept: pd.DataFrame, people: pd.DataFrame, ratings: pd.DataFrame, seed: int, resamples: int
) -> list[pd.DataFrame]:
    return [
        estimates(kept, seed, resamples),
        estimate(ratings, seed, resamples),
        detection.detection_estimates(kept),
        detection.calibration_estimates(kept),
        learning.learning_estimates(people),
        reliability.reliability_estimates(kept, seed),
        agreement.agreement_estimates(kept),
    ]


def exclusion_estimates(
    responses: pd.DataFrame, rules: ExclusionsSection, sessions: pd.DataFrame | None = None
) -> pd.DataFrame:
    """Accuracy of main trials by condition with nobody excluded, under each rule alone, and under all: ESTIMATES.

    by = exclusion, group = nobody, the rule's name, or all_rules; means of participants' means, intervals as in
    `intervals.of_mean`. Only observers with people; no rows where no rule is declared.
    """
    if not exclusions.declared(rules):
        return ESTIMATES.frame()
    table = exclusions.check(responses, rules, sessions)
    people = responses[responses["observer_kind"] == "person"]
    names = {
        "nobody": table[:0],
        **{rule: table[table["rule"] == rule] for rule in exclusions.declared(rules)},
        "all_rules": table,
    }
    rows: list[dict[str, Any]] = []
    for name, verdicts in names.items():
        kept = exclusions.kept(people, verdicts)
        for where, _ in cells.each_condition(people):
            same = (kept[cells.KEYS] == pd.Series(where)[cells.KEYS]).all(axis=1) & (kept["trial_kind"] == "main")
            trials = kept[same]
            means = trials.groupby("participant")["correct"].mean().to_numpy(dtype=float)
            value, interval = cells.over_sample(means, intervals.SHARE, len(trials))
            n = cells.size(trials)
            rows.append(cells.row(where, "accuracy", value, interval, n, "participants", "exclusion", name))
    return ESTIMATES.frame(rows)


def _of(ratings: pd.DataFrame, kept: pd.DataFrame) -> pd.DataFrame:
    """Ratings of the people whose answers are kept."""
    people = pd.MultiIndex.from_frame(kept[exclusions.PERSON].drop_duplicates())
    return ratings[pd.MultiIndex.from_frame(ratings[exclusions.PERSON]).isin(people)]


def write(folder: Path, name: str, table: Table, rows: pd.DataFrame) -> None:
    """Write a table as FOLDER/NAME.parquet and, for reading, FOLDER/NAME.csv."""
    frame = table.write(folder / f"{name}.parquet", rows)
    store.write_text(folder / f"{name}.csv", csv_text(frame, float_format="%.10g"))


MEASURE = "intuitiveness"
BYS = ("all", "phase", "expertise", "phase+expertise", "unit", "participant")


def estimate(ratings: pd.DataFrame, seed: int, resamples: int = intervals.RESAMPLES) -> pd.DataFrame:
    """Mean rating (-100 to 100) of RATINGS by phase, expertise, unit and participant: rows of ESTIMATES.

    `condition` is the method rated and trial_kind is `rating`; n_trials counts ratings. Both aggregates and their
    intervals are as for the mean confidence of trials.
    """
    return measures.together(
        piece | {"experiment": experiment, "observer": observer, "measure": MEASURE, "trial_kind": "rating"}
        for (experiment, observer), rows in ratings.groupby(["experiment", "observer"], sort=True)
        for piece in _of_observer(rows, seed, resamples)
    )


def compare(ratings: pd.DataFrame, seed: int) -> pd.DataFrame:
    """After against before for those who rated both (paired tests), and experts against lay people: COMPARISONS.

    p_adjusted is Holm's over the phases and conditions.
    """
    found: list[dict[str, object]] = []
    for (experiment, observer, condition), rows in ratings.groupby(["experiment", "observer", "condition"], sort=True):
        fixed = {"experiment": experiment, "observer": observer, "measure": MEASURE, "subset": "all"}
        wide = rows.groupby(["participant", "phase"])["rating"].mean().unstack()
        if {"pre", "post"} <= set(wide):
            where = fixed | {"by": "condition", "group": condition}
            found += [where | outcome.row() for outcome in paired_tests(wide, "post", "pre", seed)]
        if rows["expertise"].isin(["expert", "lay"]).any():
            means = rows.groupby(["phase", "expertise", "participant"])["rating"].mean()
            for phase in means.index.levels[0]:
                sides = [means.loc[phase].get(name, pd.Series(dtype=float)).to_numpy() for name in ("expert", "lay")]
                where = fixed | {"by": "phase+condition", "group": f"{phase}|{condition}"}
                found.append(where | mann_whitney(*sides).between("expert", "lay").row())
    return adjusted(COMPARISONS.frame(found))


def _of_observer(rows: pd.DataFrame, seed: int, resamples: int) -> Iterator[measures.Piece]:
    for by in BYS:
        columns = () if by == "all" else tuple(by.split("+"))
        group = cells.joined(rows, columns)
        table = _cells(rows.assign(group=group)[group != ""])
        if table.empty:
            continue
        grid = measures.Grid.of(table)
        draws = resamples if by not in ("unit", "participant") else 0
        for piece in measures.of_measure(grid, MEASURE, seed, draws, np.empty(0)):
            if by != "participant" or piece["aggregate"] == "pooled":
                yield piece | {"by": by} | ({"group": ""} if by == "all" else {})


def _cells(rows: pd.DataFrame) -> pd.DataFrame:
    """Each participant's mean rating by condition and group, in the columns that cells.participant_cells gives."""
    grouped = rows.groupby(["condition", "group", "participant"])["rating"].agg(["mean", "count"]).reset_index()
    return grouped.rename(columns={"mean": MEASURE, "count": f"n_{MEASURE}"}).assign(subset="all")


STAGE = Stage("analysis", fingerprint, run, check_names, version=VERSION)
