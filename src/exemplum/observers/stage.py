"""The responses stage: machine observers answer every session; writes `responses/machines.parquet`."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pandas as pd

from exemplum import design as designs, store
from exemplum.errors import command
from exemplum.observers import feature_network
from exemplum.observers.observer import Observer, ObserverError, ObserverFactory, UnableError, sit
from exemplum.observers.registry import OwnFactory, factory
from exemplum.observers.simulated import check_accuracy
from exemplum.records import Design, easiest_first
from exemplum.runtime import console, styled
from exemplum.study import Config, Stage, Study, user_code
from exemplum.tables import RESPONSES

VERSION = 2


FEATURES = "features"  # in the summary: whose the similarity observer compares; the report says it too


def check_names(study: Study) -> None:
    """Raise UserError for what study.toml names that is known to be wrong without torch."""
    if "similarity" in study.config.observers.run:
        with study.setting("[observers.similarity]"):
            feature_network.check_names(study)


def check(study: Study) -> None:
    """Raise UserError if study.toml names an observer, network, layer or condition that does not exist."""
    section = study.config.observers
    with study.setting("[observers] run"):
        _factories(study)
    if "similarity" in section.run:
        with study.setting("[observers.similarity]"):
            feature_network.of_study(study)
    with study.setting("[observers.simulated] accuracy"):
        check_accuracy(study, must="simulated" in section.run)


def fingerprint(study: Study) -> str:
    upstream = study.made("design")
    if upstream is None:
        raise ObserverError(f"{study.folder} has no design yet; run: {command('run', study.folder)}")
    section = study.config.observers
    network: Any = ""
    if "similarity" in section.run:
        found = feature_network.of_study(study)
        network = [found.model.fingerprint, found.is_tested]
    own = [made.source for made in _factories(study).values() if isinstance(made, OwnFactory)]
    extra = [own, _seen(study).config.model_dump(mode="json")] if own else []
    return store.digest(VERSION, upstream, section.model_dump(), network, study.config.seed, *extra)


def forget(study: Study) -> None:
    """Delete the features of pictures, so that they are recomputed; the answers stay until there are new ones."""
    (study.stage("responses") / "features.npz").unlink(missing_ok=True)


def run(study: Study) -> dict[str, Any]:
    design = designs.load(study)
    observers, unable = _observers(study)
    tables = [answers(observer, design, study.config.seed) for observer in observers]
    everything = pd.concat(tables, ignore_index=True) if tables else RESPONSES.frame()
    study.begin_writing("responses")
    RESPONSES.write(study.stage("responses") / "machines.parquet", everything)
    features = {}
    if "similarity" in study.config.observers.run:
        features[FEATURES] = f"of {feature_network.of_study(study).about}"
    return {"answers": len(everything)} | summary(everything, study.config.explanations.baseline) | unable | features


def _factories(study: Study) -> dict[str, ObserverFactory]:
    places = user_code.places(study.folder)
    return {name: factory(name, places) for name in study.config.observers.run}


def _observers(study: Study) -> tuple[list[Observer], dict[str, str]]:
    """The observers that can answer, and messages for the others. Raises ObserverError if two share a name."""
    observers: dict[str, tuple[str, Observer]] = {}
    unable = {}
    for spec, make in _factories(study).items():
        try:
            observer = make(_seen(study) if isinstance(make, OwnFactory) else study)
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


def _seen(study: Study) -> Study:
    """The study as a user's observer sees it: settings of later stages have their defaults.

    All other settings are in the fingerprint.
    """
    defaults = {name: getattr(Config(), name) for name in ("analysis", "exclusions", "server")}
    return replace(study, config=study.config.model_copy(update=defaults))


def answers(observer: Observer, design: Design, seed: int) -> pd.DataFrame:
    """An observer's answers to every session of a design (RESPONSES); each session has its own random generator."""
    tables = []
    for session in design.sessions:
        sequence = np.random.SeedSequence([seed, *observer.name.encode()], spawn_key=(session.participant,))
        tables.append(sit(observer, design, session, np.random.default_rng(sequence)))
    return pd.concat(tables, ignore_index=True)


def summary(answers: pd.DataFrame, baseline: str = "natural") -> dict[str, str]:
    """Share of right answers of every observer: of main trials by condition, never pooled, and of catch trials.

    The baseline is first. Where queries are of several difficulties, the shares are of each of them.
    """
    return {str(name): _shares(of, baseline) for name, of in answers.groupby("observer", sort=False)}


def _shares(answers: pd.DataFrame, baseline: str) -> str:
    main, catch = (answers[answers["trial_kind"] == kind] for kind in ("main", "catch"))
    levels = easiest_first(main["difficulty"])
    each = [f"at {level}: {_by_condition(main[main['difficulty'] == level], baseline)}" for level in levels]
    said = "; ".join(each) if len(levels) > 1 else f"on {_by_condition(main, baseline)}"
    return f"(right {said}" + (f"; catch {catch['correct'].mean():.1%})" if len(catch) else ")")


def _by_condition(main: pd.DataFrame, baseline: str) -> str:
    shares = main.groupby("condition")["correct"].mean()
    order = sorted(shares.index, key=lambda condition: (condition == "none", condition != baseline, condition))
    return ", ".join(f"{condition} {shares[condition]:.1%}" for condition in order)


STAGE = Stage("responses", fingerprint, run, check_names, check, forget=forget, version=VERSION)
