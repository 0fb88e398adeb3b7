"""What study.toml and the texts declare: consent, contact, rules, sample size; and the design that is served."""

from __future__ import annotations

from collections.abc import Iterator

from exemplum import checks, design as designs
from exemplum.checks import Verdict
from exemplum.design import texts
from exemplum.errors import UserError, command
from exemplum.protocols import protocol
from exemplum.records import TrialKind
from exemplum.responses import exclusions
from exemplum.server.live.check import LiveCheck, Situation
from exemplum.server.live.links import is_placeholder
from exemplum.server.storage.registration import refuse_stale
from exemplum.study import Study, stamped

CONSENT = "consent.text"


def declared(situation: Situation) -> Iterator[LiveCheck]:
    """Checks of the study's own declarations."""
    study = situation.study
    if found := stamped.notice(study):
        yield LiveCheck("study", Verdict.WRONG, found, "serve the study's own folder")
    yield _consent(study)
    yield _contact(study)
    yield _title(study)
    yield _rules(study)
    yield _sample_size(study)


def made(situation: Situation) -> Iterator[LiveCheck]:
    """Checks of the design: that there is one, that it is up to date, and that its trials were checked."""
    study = situation.study
    yield _design(study)
    if situation.of_trials:
        yield _validity(study)


def _consent(study: Study) -> LiveCheck:
    said = texts.load(study.folder, study.config.server.languages)
    examples = {texts.read(path).get(CONSENT) for path in texts.SHIPPED.glob("*.toml")}
    shipped = [language for language, words in said.items() if words[CONSENT] in examples]
    if not shipped:
        return LiveCheck("consent", Verdict.FINE, f"a text of your own in {', '.join(said)}")
    return LiveCheck(
        "consent", Verdict.WRONG, f"the text in {', '.join(shipped)} is the example that comes with Exemplum",
        f'write your own into texts/{shipped[0]}.toml: [consent] text = """…""", or leave the language out of '
        "study.toml: [server] languages",
    )  # fmt: skip


def _contact(study: Study) -> LiveCheck:
    contact = study.config.server.contact
    if contact and not is_placeholder(contact):
        return LiveCheck("contact", Verdict.FINE, contact)
    found = f"{contact} is a placeholder" if contact else "nobody whom participants could write to"
    return LiveCheck("contact", Verdict.WRONG, found, "set study.toml: [server] contact to an address that is read")


def _title(study: Study) -> LiveCheck:
    if title := study.config.server.title:
        return LiveCheck("title", Verdict.FINE, title)
    return LiveCheck("title", Verdict.LOOK, "a neutral one of Exemplum's", "set study.toml: [server] title")


def _rules(study: Study) -> LiveCheck:
    rules, name = study.config.exclusions, "exclusion rules"
    declared = exclusions.declared(rules)
    if not declared:
        return LiveCheck(
            name, Verdict.LOOK, "none: nobody can be left out later by a rule that was declared before",
            "declare rules in study.toml: [exclusions], for example catch_accuracy = 0.8, before the first answer",
        )  # fmt: skip
    if rules.catch_accuracy is not None and _has_no_catch_trials(study):
        return LiveCheck(
            name, Verdict.WRONG, "catch_accuracy excludes nobody, since the design has no catch trials",
            "set study.toml: [design] catch and make the design again, or take the rule out",
        )  # fmt: skip
    return LiveCheck(name, Verdict.FINE, ", ".join(f"{rule} = {getattr(rules, rule):g}" for rule in declared))


def _has_no_catch_trials(study: Study) -> bool:
    try:
        return all(trial.kind is not TrialKind.CATCH for trial in designs.load(study).trials)
    except UserError:  # the check of the design reports it
        return False


def _sample_size(study: Study) -> LiveCheck:
    recruit, name = study.config.server.recruit, "sample size"
    design = study.config.design
    places = design.participants or protocol(design.protocol).participants
    if recruit is None:
        return LiveCheck(
            name, Verdict.LOOK, "not declared: the server goes on until somebody closes recruitment",
            f"set study.toml: [server] recruit, best to a multiple of the design's {places} schedules",
        )  # fmt: skip
    if recruit % places:
        return LiveCheck(
            name, Verdict.LOOK, f"{recruit} people for {places} schedules: some schedules are answered more often",
            "let study.toml: [server] recruit be a multiple of [design] participants",
        )  # fmt: skip
    return LiveCheck(name, Verdict.FINE, f"recruitment closes when {recruit} have completed")


def _design(study: Study) -> LiveCheck:
    try:
        design = designs.load(study)
        refuse_stale(study)
    except UserError as error:
        return LiveCheck("design", Verdict.WRONG, str(error), f"run: {command('run', study.folder)}")
    return LiveCheck("design", Verdict.FINE, f"{design.protocol}, {len(design.sessions)} schedules, up to date")


def _validity(study: Study) -> LiveCheck:
    found, name = checks.current(study), "validity of the trials"
    how = f"run: {command('check', study.folder)}"
    if found.empty:
        return LiveCheck(name, Verdict.LOOK, "not checked for this design", how)
    for verdict in (Verdict.WRONG, Verdict.LOOK):
        if (found["verdict"] == verdict).any():
            return LiveCheck(name, verdict, checks.conclusion(found), f"{how}, which says what to do")
    return LiveCheck(name, Verdict.FINE, checks.conclusion(found))
