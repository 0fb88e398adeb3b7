"""A study that leaks on purpose is caught, each leak by its own check; the fair study is not accused of any."""

from collections.abc import Iterable
from dataclasses import replace

import numpy as np
import pandas as pd
import pytest

from checks import studies
from design.altered import CHANGES, Change
from exemplum import design as designs, queries, store
from exemplum.checks import Finding, activation, copies, cues, low_level, shown, sides
from exemplum.observers import CUES, encoders
from exemplum.records import Design, ReferenceSet, Trial, TrialKind
from exemplum.study import Study

OF_CORPUS = ("natural",)
METHOD = "synthetic"


def among_references(study: Study) -> list[Finding]:
    design, (stimuli, pairs) = designs.load(study), queries.load(study)
    return list(
        copies.queries_among_references(design, stimuli, pairs, study.folder, of_corpus=OF_CORPUS, any_batch=True)
    )


def poles(study: Study) -> list[Finding]:
    stimuli, pairs = queries.load(study)
    known = designs.identities(stimuli, pairs)
    return list(copies.both_poles(shown.stimuli(designs.load(study)), known, study.folder, ()))


def by_cues(study: Study) -> list[Finding]:
    stimuli = list(shown.stimuli(designs.load(study)))
    pictures = shown.ShownPictures(study.folder, (path for stimulus in stimuli for path in stimulus.paths))
    each = [pictures.picture(key) for key in pictures.distinct]
    made = {encoder.name: (encoder, encoder.encode(each)) for encoder in encoders(study, CUES)}
    numbers = cues.cues_of({name: vectors for name, (_, vectors) in made.items()})
    return [
        *low_level.low_level(stimuli, pictures, made, {}, 0), *cues.query_cues(stimuli, pictures, numbers, 0),
        *cues.pole_cues(stimuli, pictures, numbers, 0),
    ]  # fmt: skip


def verdicts(findings: Iterable[Finding], check: str, measure: str = "", scope: str = "all") -> dict[str, str]:
    """Verdict by condition, or by difficulty where a check has none."""
    return {
        finding.condition if finding.condition != "all" else finding.difficulty: finding.verdict.value
        for finding in findings
        if (finding.check, finding.scope) == (check, scope) and measure in ("", finding.measure)
    }


def main_trials(study: Study, method: str) -> list[Trial]:
    return [t for t in designs.load(study).trials if (t.condition, t.kind) == (method, TrialKind.MAIN)]


def main_trial(study: Study, method: str = METHOD) -> Trial:
    return main_trials(study, method)[0]


def put(study: Study, into: str, source: str, change: Change) -> None:
    """Put a changed copy of one picture of the study into the file of another."""
    image = change(store.read_png(study.folder / source), np.random.default_rng(0))
    store.write_png(study.folder / into, image)


def test_the_fair_study_is_not_accused(fair):
    found = [*among_references(fair), *poles(fair), *by_cues(fair), *sides.sides(designs.load(fair))]
    found += activation.activations(shown.stimuli(designs.load(fair)), queries.load(fair)[1])
    assert {finding.verdict.value for finding in found} == {"fine"}
    assert {finding.check for finding in found} == {
        "copies", "same_poles", "same_queries", "low_level", "query_cue", "pole_cue", "side", "activation",
    }  # fmt: skip
    assert not any(finding.advice for finding in found)


NAMES = ("blur 2 %", "crop of 0.7", "mirrored", "JPEG, quality 10")


def test_changed_copies_of_queries_among_their_references(leaky):
    """Of natural images ids are not believed either: a copy stands under the id of another image."""
    study, put_into = leaky(), {}
    for number, method in enumerate(("natural", METHOD)):
        units = {str(t.unit.unit): t for t in main_trials(study, method)}
        chosen = [units[name] for name in sorted(units)[number::2]]  # no unit has both
        for trial, name in zip(chosen, NAMES, strict=False):
            put(study, trial.references.max[1], trial.query_max, CHANGES[name])
            put_into[method, str(trial.unit.unit)] = trial
    found = among_references(study)
    assert verdicts(found, "copies") == {"natural": "wrong", METHOD: "wrong"}
    told = {(finding.condition, finding.scope): finding for finding in found if finding.scope != "all"}
    assert set(told) == set(put_into)
    for where, trial in put_into.items():
        assert trial.references.max[1] in told[where].found
        assert trial.query_max in told[where].found
        assert told[where].verdict.value in ("wrong", "look")  # of images of the corpus, which may look alike, look
        assert told[where].advice


def test_another_file_of_the_querys_photograph_by_id_and_group(leaky):
    """Such as another part of it, in which no pixel is the same."""
    study = leaky()
    trials = {str(t.unit.unit): t for t in main_trials(study, METHOD)}
    pairs = queries.load(study)[1].set_index("query_max")
    places = {trial.references.max[0]: trial.query_max for trial in list(trials.values())[:2]}

    def named(stimuli: pd.DataFrame) -> pd.DataFrame:
        for (path, query), column in zip(places.items(), ("image", "group"), strict=True):
            is_it = stimuli["path"] == path
            stimuli = stimuli.assign(**{column: stimuli[column].where(~is_it, pairs.loc[query, f"{column}_max"])})
        return stimuli

    studies.change(study, "stimuli", named)
    found = [finding for finding in among_references(study) if finding.condition == METHOD]
    assert {finding.verdict.value for finding in found} == {"wrong"}
    assert [f.scope for f in found[1:]] == list(trials)[:2]


def test_one_photograph_at_both_poles(leaky):
    study = leaky()
    trial = main_trial(study)
    put(study, trial.references.max[0], trial.references.min[0], CHANGES["mirrored"])
    found = poles(study)
    assert verdicts(found, "same_poles") == {"natural": "fine", METHOD: "wrong"}
    assert verdicts(found, "same_poles", scope=str(trial.unit.unit)) == {METHOD: "wrong"}


def test_parts_of_one_photograph_at_both_poles_by_group(leaky):
    study = leaky()
    trial = main_trial(study, "natural")

    def grouped(stimuli: pd.DataFrame) -> pd.DataFrame:
        pair = stimuli["path"].isin((trial.references.max[0], trial.references.min[0]))
        return stimuli.assign(group=stimuli["group"].where(~pair, "one photograph"))

    studies.change(study, "stimuli", grouped)
    assert verdicts(poles(study), "same_poles")["natural"] == "wrong"


def test_the_two_queries_look_the_same(leaky):
    study = leaky()
    trial = main_trial(study)
    put(study, trial.query_max, trial.query_min, CHANGES["mirrored"])
    found = verdicts(poles(study), "same_queries")
    assert found.pop(trial.difficulty) == "wrong"
    assert set(found.values()) == {"fine"}


def lit(study: Study, only_queries: bool = False) -> None:
    """Maximal pictures become brighter, minimal ones darker."""
    trials = [t for t in designs.load(study).trials if t.kind is TrialKind.MAIN]
    brighter = {t.query_max for t in trials} | {p for t in trials for p in t.references.max if not only_queries}
    darker = {t.query_min for t in trials} | {p for t in trials for p in t.references.min if not only_queries}
    for paths, floor in ((brighter, 110), (darker, 0)):
        for path in paths:
            image = store.read_png(study.folder / path)
            store.write_png(study.folder / path, (floor + image * 0.57).astype(np.uint8))


def test_brightness_gives_the_answer_away(leaky):
    study = leaky()
    lit(study)
    found = by_cues(study)
    assert set(verdicts(found, "query_cue", "luminance").values()) == {"wrong"}
    assert set(verdicts(found, "pole_cue", "luminance").values()) == {"look"}
    assert set(verdicts(found, "low_level", "luminance").values()) == {"look"}
    assert set(verdicts(found, "query_cue", "red_green").values()) == {"fine"}


def test_brightness_of_the_queries_alone_is_no_matter_of_references(leaky):
    """Nobody can learn from references that differ in nothing which query is right, but from feedback."""
    study = leaky()
    lit(study, only_queries=True)
    found = by_cues(study)
    assert set(verdicts(found, "query_cue", "luminance").values()) == {"wrong"}
    assert set(verdicts(found, "low_level", "luminance").values()) == {"fine"}


@pytest.mark.parametrize(("share", "verdict"), [(0.8, "wrong"), (0.5, "fine")])
def test_a_biased_side(fair, share, verdict):
    design = studies.biased(designs.load(fair), share)
    found = [finding for finding in sides.sides(design) if finding.measure == "top" and finding.scope == "all"]
    whole = next(f for f in found if (f.condition, f.difficulty) == ("all", "all"))
    assert whole.verdict.value == verdict
    tops = [trial.max_side.value == "top" for trial in design.trials]
    assert (whole.value, whole.n) == (np.mean(tops), len(tops))


def balanced(design: Design) -> Design:
    """Sides alternate, as a design has them that wants as many on each side."""
    sides_ = iter(["top", "bottom"] * len(design.trials))

    def of(trial: Trial) -> Trial:
        return replace(trial, max_side=type(trial.max_side)(next(sides_)))

    return replace(design, sessions=tuple(
        replace(session, blocks=tuple(replace(b, trials=tuple(map(of, b.trials))) for b in session.blocks))
        for session in design.sessions
    ))  # fmt: skip


def test_sides_that_can_be_counted(fair):
    """None is on top more often than the other, yet who alternates is always right."""
    found = list(sides.sides(balanced(designs.load(fair))))
    worst = [finding for finding in found if finding.verdict.value == "wrong"]
    assert len(worst) == 1
    assert abs(worst[0].value - 0.5) > 0.45  # always wrong is as good as always right
    assert "strategy" in worst[0].measure


def pairs_of(activations: list[tuple[float, float]], margin: float = 2.0, source: str = "window") -> list[Finding]:
    """The findings about one unit with these activations of its pairs, one for each batch."""
    unit, stimuli = "mixed4a:1", []
    rows = []
    for batch, (most, least) in enumerate(activations):
        paths = f"max_{batch}.png", f"min_{batch}.png"
        stimuli.append(shown.Stimulus(unit, "mixed4a", "natural", "0.9", ReferenceSet(("a.png",), ("b.png",)), *paths))
        rows.append({
            "unit": unit, "difficulty": "0.9", "source": source, "query_max": paths[0], "query_min": paths[1],
            "activation_max": most, "activation_min": least, "margin": margin,
        })  # fmt: skip
    return list(activation.activations(stimuli, pd.DataFrame(rows)))


@pytest.mark.parametrize(
    ("activations", "margin", "source", "verdict"),
    [
        ([(3.0, 1.0), (2.5, 0.5)], 2.0, "window", "fine"),
        ([(3.0, 1.0), (0.9, 0.2)], 2.0, "window", "look"),  # 0.9 is right here, 1.0 is wrong there
        ([(3.0, 1.0), (0.9, 0.2)], 2.0, "occlusion", "fine"),  # of two images, whose activations are no matter
        ([(3.0, 1.0), (0.2, 0.9)], 2.0, "occlusion", "wrong"),
        ([(3.0, 1.0), (1.0, 1.0)], 2.0, "window", "wrong"),
        ([(3.0, 1.0), (2.5, 0.5)], 0.05, "window", "look"),
        ([(np.nan, np.nan)], np.nan, "extreme", "unknown"),
        ([(3.0, 1.0), (2.5, 0.5)], np.nan, "extreme", "fine"),
    ],
)
def test_queries_that_overlap_in_activation(activations, margin, source, verdict):
    found = pairs_of(activations, margin, source)
    assert found[0].verdict.value == verdict
    assert [finding.scope for finding in found[1:]] == ["mixed4a:1"] * (verdict in ("look", "wrong"))
