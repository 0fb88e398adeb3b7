"""The methods section of a paper, from what the study's own files say."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import pandas as pd

from exemplum import pages
from exemplum.explanations import Explanation
from exemplum.records import easiest_first
from exemplum.report import style
from exemplum.report.findings import people_facts
from exemplum.report.formatting import Tables
from exemplum.report.paper.participants import Flow
from exemplum.study import Study, blinding, versions
from exemplum.tables import TRIAL_KINDS

ACTIVATIONS = {
    "channel": "the mean of its activation map",
    "neuron": "the centre of its activation map",
    "max": "the maximum of its activation map",
    "cls": "its value at the class token",
}
METHODS = {
    "natural": "images of the corpus that activate the unit most and least",
    "synthetic": "feature visualizations, images optimized to activate the unit most and least",
    "random": "random images of the corpus, which explain nothing",
}
SHOWS = {"crop": "cropped to where the unit responds", "heatmap": "with a heatmap of where the unit responds"}
POPULATIONS = {
    "new_units": (
        "new participants and new units of these layers, by a t test with variance components of participants and "
        "units by the method of moments"
    ),
    "these_units": "new participants and exactly these units, by a paired t test",
}
BOROWSKI = (
    "Borowski, J., Zimmermann, R. S., Schepers, J., Geirhos, R., Wallis, T. S. A., Bethge, M., & Brendel, W. (2021). "
    "Exemplary natural images explain CNN activations better than state-of-the-art feature visualization. ICLR 2021. "
    "arXiv:2010.12606."
)


@dataclass(frozen=True)
class Paragraph:
    title: str
    text: str


def methods(study: Study, tables: Tables, flow: Flow, rules: pd.DataFrame) -> list[Paragraph]:
    """Paragraphs of the methods section of a study with people; `rules` is their table `by_rule`."""
    said = [
        ("Participants", _participants(study, tables, flow)),
        ("Units and images", " ".join(_stimuli(study, tables))),
        ("Trials and sessions", " ".join(_design(study, tables))),
        ("Machine observers", _machines(tables)),
        ("Exclusions", _exclusions(study, rules)),
        ("Analysis", " ".join(_analysis(study, tables))),
        ("Software", _software(study)),
    ]
    return [Paragraph(title, text) for title, text in said if text]


def references() -> list[str]:
    """What the methods section cites."""
    version = versions().get("exemplum", "")
    return [f"Exemplum contributors. Exemplum (version {version}) [software].", BOROWSKI]


def markdown(paragraphs: list[Paragraph], cited: list[str], rules: pd.DataFrame, notice: str = "") -> str:
    """The section as Markdown, with the table of exclusions and the references; `notice` is said first."""
    parts = [
        "# Methods",
        *([f"**{notice}**"] if notice else []),
        *(f"**{one.title}.** {one.text}" for one in paragraphs),
    ]
    if len(rules):
        parts.append("**Table: exclusions.** How many participants each declared rule leaves out.")
        parts.append(_pipes(rules))
    return "\n\n".join([*parts, "# References", *cited]) + "\n"


def _pipes(table: pd.DataFrame) -> str:
    rows = [list(table), ["---"] * len(table.columns), *table.astype(str).values.tolist()]
    return "\n".join(f"| {' | '.join(row)} |" for row in rows)


def _participants(study: Study, tables: Tables, flow: Flow) -> str:
    first, *_ = flow.steps
    finished = flow.steps[-2].n
    entered = f"{pages.count(first.n, 'person', 'people')} entered the experiment" if first.name == "Entered" else ""
    reasons = pages.listed([f"{n} {reason}" for reason, n in first.left]) if entered and first.left else ""
    said = [f"{entered}{f' ({reasons})' if reasons else ''}."] if entered else []
    said.append(
        f"{pages.count(finished, 'person', 'people')} finished, and {pages.count(flow.analysed, 'participant')} are "
        "analysed."
    )
    if facts := people_facts(tables.people):
        said.append(f"Of those who finished: {'; '.join(facts)}.")
    if study.config.server.recruit:
        said.append(f"Recruitment was to end with {study.config.server.recruit} completed sessions.")
    return " ".join(said)


def _stimuli(study: Study, tables: Tables) -> Iterator[str]:
    config = study.config
    main = tables.units[tables.units["role"] == "main"].drop_duplicates("unit")
    layers = sorted(set(main["layer"]), key=style.natural_key)
    picked = int((main["selection"] == "hand_picked").sum())
    some = f", {picked} of them chosen by hand and the others drawn at random"
    how = " drawn at random" if not picked else " chosen by hand" if picked == len(main) else some
    if config.stimuli:
        yield (
            f"Reference and query images were made elsewhere, for {pages.count(len(main), 'unit')} in the "
            f"{_layers(layers)}."
        )
    else:
        weights = f" (weights {config.model.weights})" if config.model.weights else ""
        network = "the embedded InceptionV1 of Exemplum" if config.model.load == "embedded" else config.model.load
        images = "the embedded images of Exemplum" if config.images.load == "embedded" else config.images.load
        yield (
            f"We tested {pages.count(len(main), 'unit')}{how}, of the {_layers(layers)} of {network}{weights}. A unit "
            f"is one channel; its activation for an image is {ACTIVATIONS[config.index.objective]}, "
            f"{config.index.relu} the ReLU. Images came from {images}{_size(study)}."
        )
    present = set(tables.trials.loc[tables.trials["kind"] == "main", "condition"])
    uses = [f"{style.label(use.name)}: {_method(use)}" for use in config.explanations.uses if use.name in present]
    if uses:
        yield f"The reference images were of {pages.count(len(uses), 'kind')} ({'; '.join(uses)})."
    if "none" in present:
        yield "Trials without references (none) show what the queries alone give away."
    levels = easiest_first(name for name in tables.trials["difficulty"].unique() if name)
    if len(levels) > 1:
        yield (
            f"Queries were of {len(levels)} difficulties ({', '.join(levels)}; a number is the share of the corpus "
            "that activates the unit less than the maximal query)."
        )
    yield "No query was shown as a reference, except in catch trials."


def _size(study: Study) -> str:
    """How many images were measured, if the index is there."""
    path = study.stage("index") / "units.parquet"
    counts = pd.read_parquet(path, columns=["count"])["count"] if path.exists() else pd.Series(dtype=int)
    return f" ({pages.count(int(counts.max()), 'image')})" if len(counts) else ""


def _layers(names: list[str]) -> str:
    return f"{'layer' if len(names) == 1 else 'layers'} {pages.listed(names)}"


def _method(use: Explanation) -> str:
    what = METHODS.get(use.method, f"made by {use.method}")
    show = SHOWS.get(str(use.parameters.get("show", "")), "")
    others = _parameters({name: value for name, value in use.parameters.items() if not (show and name == "show")})
    return ", ".join(part for part in (what, show, others) if part)


def _parameters(given: Mapping[str, Any]) -> str:
    return ", ".join(f"{name} = {value}" for name, value in given.items())


def _design(study: Study, tables: Tables) -> Iterator[str]:
    trials = tables.trials
    schemes = sorted(set(trials.loc[trials["kind"] == "main", "scheme"]) - {""})
    yield (
        f"In each trial, participants saw reference images ({', '.join(schemes) or 'none'}: the poles shown, and the "
        "number of references per pole) at the sides and two query images at the centre. They chose the query that "
        "also activates the unit strongly, and with the same press said how confident they were, from 1 to 3; then the "
        "right query was marked."
    )
    numbers = trials.groupby(["participant", "kind"]).size().unstack(fill_value=0).median()
    told = [pages.count(int(numbers[kind]), f"{kind} trial") for kind in TRIAL_KINDS if numbers.get(kind)]
    schedules = trials["participant"].nunique()
    fixed = "The schedule was" if schedules == 1 else f"All {pages.count(schedules, 'schedule')} were"
    yield (
        f"The design followed the protocol {study.config.design.protocol}: {pages.listed(told)} per session. "
        f"{_order(trials)}The side of the right query was drawn at random in each trial. {fixed} fixed in advance from "
        f"the seed {study.config.seed}."
    )
    again = tables.responses.loc[
        (tables.responses["observer_kind"] == "person") & (tables.responses["trial_kind"] == "repeated")
    ]
    if len(again):
        number = int(again.groupby(["observer", "participant"]).size().median())
        yield f"At the end, {pages.count(number, 'trial')} came again, chosen by the confidence of the first answer."
    if "catch" in set(trials["kind"]):
        yield "In catch trials the right query was among the references."


def _order(trials: pd.DataFrame) -> str:
    """How conditions (method, scheme and difficulty) were spread over a session; "" where there is one."""
    main = trials[trials["kind"] == "main"]
    cells = main.groupby(["condition", "scheme", "difficulty"]).ngroup()
    if cells.nunique() == 1:
        return ""
    if (cells.groupby(main["participant"]).nunique() == 1).all():
        return "Each session had one condition, and schedules took turns in them. "
    if (cells.groupby([main["participant"], main["block"]]).nunique() > 1).any():
        return (
            "Conditions changed from trial to trial in random order; over schedules, units and conditions were "
            "combined as evenly as possible. "
        )
    return "Conditions were blocked, and their order was counterbalanced over schedules. "


def _machines(tables: Tables) -> str:
    machines = tables.responses.loc[tables.responses["observer_kind"] == "machine", "observer"].unique()
    if not len(machines):
        return ""
    named = pages.listed(style.ordered_observers(machines))
    return f"The same trials were answered by machines ({named}), each of them one observer, analysed separately."


def _exclusions(study: Study, rules: pd.DataFrame) -> str:
    if rules.empty:
        return "No rule of exclusion was declared, and nobody was excluded."
    told = [f"{row.measured} {row.demanded} ({row.excluded} excluded)" for row in rules.itertuples() if row.measured]
    return (
        f"Participants were kept if they met all rules {_declared(study)}: {'; '.join(told)}. "
        "A rule that could not be checked excluded nobody."
    )


def _declared(study: Study) -> str:
    """When the rules were fixed: they may change until the first look at results is recorded, and are frozen then."""
    status = blinding.read_status(study)
    fixed = status is not None and status.frozen and status.unblinded_at is not None
    return "declared before any result was looked at" if fixed else "that the study declares"


def _analysis(study: Study, tables: Tables) -> Iterator[str]:
    section, baseline = study.config.analysis, style.label(study.config.explanations.baseline)
    about = "over all main trials" if section.difficulty == "all" else f"over trials of difficulty {section.difficulty}"
    yield (
        f"The primary claim of each method is the difference between its accuracy and that with {baseline} images, "
        f"{about}, the mean over participants, for {POPULATIONS[section.primary]}. p values are two-sided, at 5 %, "
        "corrected by Holm's method over the methods. Methods count as equivalent if two one-sided tests reject "
        f"differences of {pages.number(100 * section.margin, 1)} percentage points or more."
    )
    if section.secondary:
        yield f"Secondary claims: {pages.listed([name.replace('_', ' ') for name in section.secondary])}."
    yield "Intervals of accuracies are Wilson's with t over participants, 95 %."
    if len(tables.models) and (tables.models["model"] == "glmm").any():
        yield (
            "As a check, a logistic mixed model with the condition as fixed effect and crossed random intercepts of "
            "participants and units was fitted by Laplace's approximation; its odds ratios are exploratory. The "
            "scripts refit.R and refit.py refit it from the data."
        )


def _software(study: Study) -> str:
    found = versions()
    libraries = ", ".join(f"{name} {number}" for name, number in found.items() if name not in ("exemplum", "python"))
    return (
        f"Stimuli, experiment and analysis were made with Exemplum {found.get('exemplum', '')} (Python "
        f"{found['python']}; {libraries}), after Borowski et al. (2021). Study {study.id}."
    )
