"""The responses stage: machine observers answer every session; writes `responses/machines.parquet` and
`responses/evidence.parquet`.
"""

from __future__ import annotations

import math
import shutil
from collections.abc import Iterable
from typing import Any

import numpy as np
import pandas as pd

from exemplum import design as designs, store
from exemplum.design import texts
from exemplum.errors import command
from exemplum.observers import REPLIES, feature_network
from exemplum.observers.observer import Observer, ObserverError, ObserverFactory, UnableError, sit
from exemplum.observers.registry import OwnFactory, factory, seen
from exemplum.observers.similarity import VECTORS, Similarity
from exemplum.observers.simulated import check_accuracy
from exemplum.records import Design, Side, Trial, easiest_first
from exemplum.responses import write_encoders
from exemplum.runtime import console, styled
from exemplum.study import Stage, Study
from exemplum.tables import EVIDENCE, RESPONSES

VERSION = 3


COMPARES, ASKS = "compares", "asks"  # in the summary, after the name of an observer


def check_names(study: Study) -> None:
    """Raise UserError for what study.toml names that is known to be wrong without torch."""
    for name in _similar(study):
        with study.setting(f"[observers.{name}]"):
            feature_network.check_names(study, name)


def check(study: Study) -> None:
    """Raise UserError if study.toml names an observer, network, layer or condition that does not exist."""
    section = study.config.observers
    with study.setting("[observers] run"):
        _factories(study)
    for name in _similar(study):
        with study.setting(f"[observers.{name}]"):
            feature_network.of_study(study, name)
    with study.setting("[observers.simulated] accuracy"):
        check_accuracy(study, must="simulated" in section.run)


def fingerprint(study: Study) -> str:
    upstream = study.made("design")
    if upstream is None:
        raise ObserverError(f"{study.folder} has no design yet; run: {command('run', study.folder)}")
    section = study.config.observers
    networks = [feature_network.of_study(study, name) for name in _similar(study)]
    features = [[found.model.fingerprint, found.is_tested] for found in networks]
    spoken = _words(study) if set(section.run) & set(section.asked) else ""
    own = [made.source for made in _factories(study).values() if isinstance(made, OwnFactory)]
    extra = [own, seen(study).config.model_dump(mode="json")] if own else []
    return store.digest(VERSION, upstream, section.model_dump(), features, spoken, study.config.seed, *extra)


def _similar(study: Study) -> list[str]:
    """The observers that compare by features of a network, of those that answer."""
    section = study.config.observers
    return [name for name in section.run if name in section.similar]


def _words(study: Study) -> str:
    """A hash of the texts that vision–language models read."""
    return store.digest(texts.load(study.folder, study.config.server.languages[:1]))


def forget(study: Study) -> None:
    """Delete the vectors of pictures and the replies of models, so that they are made again.

    The answers stay until there are new ones.
    """
    for name in (VECTORS, REPLIES):
        shutil.rmtree(study.stage("responses") / name, ignore_errors=True)


def run(study: Study) -> dict[str, Any]:
    design = designs.load(study)
    observers, unable = _observers(study)
    tables = [answers(observer, design, study.config.seed) for observer in observers]
    everything = pd.concat(tables, ignore_index=True) if tables else RESPONSES.frame()
    study.begin_writing("responses")
    RESPONSES.write(study.stage("responses") / "machines.parquet", everything)
    EVIDENCE.write(study.folder / EVIDENCE.files[0], evidence(observers, design, everything))
    write_encoders(study.stage("responses"), [of.encoder for of in observers if isinstance(of, Similarity)])
    said = summary(everything, study.config.explanations.baseline) | unable | _told(observers)
    return {"answers": len(everything)} | said


def _told(observers: Iterable[Observer]) -> dict[str, str]:
    """What each observer compares pictures by, or which model it asks; the report says it too."""
    found = {}
    for observer in observers:
        if isinstance(observer, Similarity):
            found[f"{observer.name} {COMPARES}"] = str(getattr(observer.encoder, "about", "vectors"))
        elif told := getattr(observer, "told", ""):
            found[f"{observer.name} {ASKS}"] = str(told)
    return found


def _factories(study: Study) -> dict[str, ObserverFactory]:
    return {name: factory(name, study) for name in study.config.observers.run}


def _observers(study: Study) -> tuple[list[Observer], dict[str, str]]:
    """The observers that can answer, and messages for the others. Raises ObserverError if two share a name."""
    observers: dict[str, tuple[str, Observer]] = {}
    unable = {}
    for spec, make in _factories(study).items():
        try:
            observer = make(study)
        except UnableError as error:
            console.print(styled((f"{spec} cannot answer and is left out: {error}", "yellow")))
            unable[spec] = "cannot answer"
            continue
        if observer.name in observers:
            raise ObserverError(
                f"{observers[observer.name][0]} and {spec} are both named {observer.name!r}; rename one of them"
            )
        observers[observer.name] = (spec, observer)
    return [observer for _, observer in observers.values()], unable


def answers(observer: Observer, design: Design, seed: int) -> pd.DataFrame:
    """An observer's answers to every session of a design (RESPONSES); each session has its own random generator."""
    tables = []
    for session in design.sessions:
        sequence = np.random.SeedSequence([seed, *observer.name.encode()], spawn_key=(session.participant,))
        tables.append(sit(observer, design, session, np.random.default_rng(sequence)))
    return pd.concat(tables, ignore_index=True)


def evidence(observers: Iterable[Observer], design: Design, answers: pd.DataFrame) -> pd.DataFrame:
    """The evidence of every observer that grades it, in favour of the maximal query: table EVIDENCE.

    A repeated trial has that of its first showing. Trials of which an observer has no evidence have no row.
    """
    rows = []
    for observer in observers:
        graded = getattr(observer, "evidence", None)
        if graded is None:
            continue
        found = {trial.trial_id: _signed(graded(trial), trial) for trial in design.trials}
        own = answers[answers["observer"] == observer.name]
        for trial_id, first in own[["trial_id", "repeats"]].itertuples(index=False, name=None):
            value = found[first or trial_id]
            if math.isfinite(value):
                rows.append({"observer": observer.name, "trial_id": trial_id, "evidence": value})
    return EVIDENCE.frame(rows)


def _signed(evidence: float, trial: Trial) -> float:
    """Evidence for the top as evidence for the maximal query."""
    return evidence if trial.max_side is Side.TOP else -evidence


def summary(answers: pd.DataFrame, baseline: str = "natural") -> dict[str, str]:
    """Share of right answers of every observer: of main trials by condition, never pooled, and of catch trials.

    Of main trials every pair of queries counts once, however often it was shown, and every unit once, as in a machine's
    verdict. The baseline is first. Where queries are of several difficulties, the shares are of each of them.
    """
    return {str(name): _shares(of, baseline) for name, of in answers.groupby("observer", sort=False)}


def _shares(answers: pd.DataFrame, baseline: str) -> str:
    main, catch = (answers[answers["trial_kind"] == kind] for kind in ("main", "catch"))
    levels = easiest_first(main["difficulty"])
    each = [f"at {level}: {_by_condition(main[main['difficulty'] == level], baseline)}" for level in levels]
    said = f" {'; '.join(each)}" if len(levels) > 1 else f": {_by_condition(main, baseline)}"
    return f"(right, mean over units{said}" + (f"; catch {catch['correct'].mean():.1%})" if len(catch) else ")")


def _by_condition(main: pd.DataFrame, baseline: str) -> str:
    pairs = main.groupby(["condition", "unit", "scheme", "batch"])["correct"].mean()
    shares = pairs.groupby(level=["condition", "unit"]).mean().groupby(level="condition").mean()
    order = sorted(shares.index, key=lambda condition: (condition == "none", condition != baseline, condition))
    return ", ".join(f"{condition} {shares[condition]:.1%}" for condition in order)


STAGE = Stage("responses", fingerprint, run, check_names, check, forget=forget, version=VERSION)
