"""What study.toml and the texts declare: consent, contact, rules, sample size; and the design that is served."""

from __future__ import annotations

from collections.abc import Iterator
from difflib import SequenceMatcher

from exemplum import checks, design as designs, pages
from exemplum.checks import Verdict
from exemplum.design import texts
from exemplum.errors import UserError, command
from exemplum.protocols import protocol
from exemplum.records import TrialKind
from exemplum.responses import exclusions
from exemplum.server.live.check import LiveCheck, Situation
from exemplum.server.live.placeholders import gap, placeholder
from exemplum.server.storage.registration import refuse_stale
from exemplum.study import Study, stamped

CONSENT = "consent.text"
NEARLY = 0.8  # of the words of two texts


def declared(situation: Situation) -> Iterator[LiveCheck]:
    """Checks of the study's own declarations."""
    study = situation.study
    if found := stamped.notice(study):
        yield LiveCheck("study", Verdict.WRONG, found, "serve the study's own folder")
    yield _consent(study)
    yield _contact(study)
    yield _title(study)
    if study.config.server.fields:
        yield _questions(study)
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
    consents = {language: words[CONSENT] for language, words in said.items()}
    examples = [shipped[CONSENT].split() for shipped in texts.shipped().values()]
    shipped = [language for language, text in consents.items() if text.split() in examples]
    if shipped:
        return LiveCheck(
            "consent", Verdict.WRONG, f"the text in {', '.join(shipped)} is the example that comes with Exemplum",
            f'write your own into texts/{shipped[0]}.toml: [consent] text = """…""", or leave the language out of '
            "study.toml: [server] languages",
        )  # fmt: skip
    for language, text in consents.items():  # what is wrong in any language comes before what is to be looked at
        where = f"texts/{language}.toml: [consent] text"
        if not text.strip():
            return LiveCheck("consent", Verdict.WRONG, f"the text in {language} is empty", f"write {where}")
        if left := gap(text):
            return LiveCheck("consent", Verdict.WRONG, f"the text in {language} still has {left}", f"finish {where}")
    for language, text in consents.items():
        if any(_alike(text.split(), example) for example in examples):
            return LiveCheck(
                "consent", Verdict.LOOK, f"the text in {language} is nearly the example that comes with Exemplum",
                f"see that texts/{language}.toml: [consent] text says what your ethics board wants to have said",
            )  # fmt: skip
    return LiveCheck("consent", Verdict.FINE, f"a text of your own in {', '.join(consents)}")


def _alike(words: list[str], others: list[str]) -> bool:
    """Whether most words are the same in the same order."""
    return SequenceMatcher(None, words, others, autojunk=False).ratio() > NEARLY


def _contact(study: Study) -> LiveCheck:
    contact, advice = study.config.server.contact, "set study.toml: [server] contact to an address that is read"
    if not contact or placeholder(contact):
        found = f"{contact} is a placeholder" if contact else "nobody whom participants could write to"
        return LiveCheck("contact", Verdict.WRONG, found, advice)
    if "@" not in contact and not any(character.isdigit() for character in contact):
        return LiveCheck("contact", Verdict.LOOK, f"{contact}: no address and no number", advice)
    return LiveCheck("contact", Verdict.FINE, contact)


def _title(study: Study) -> LiveCheck:
    if title := study.config.server.title:
        if placeholder(title):
            return LiveCheck("title", Verdict.WRONG, f"{title} is a placeholder", "set study.toml: [server] title")
        return LiveCheck("title", Verdict.FINE, title)
    return LiveCheck("title", Verdict.LOOK, "a neutral one of Exemplum's", "set study.toml: [server] title")


def _questions(study: Study) -> LiveCheck:
    """Whether each question of the study's own has words in every language: pages show the key of a text without."""
    said = study.config.server
    labels = {field.name: f"field.{field.name}.label" for field in said.fields}
    for language, words in texts.load(study.folder, said.languages).items():
        if silent := [name for name, label in labels.items() if not words.get(label)]:
            return LiveCheck(
                "questions", Verdict.WRONG, f"{', '.join(silent)}: without words in {language}",
                f'write texts/{language}.toml: [field.{silent[0]}] label = "…"',
            )  # fmt: skip
    return LiveCheck("questions", Verdict.FINE, f"{', '.join(labels)}, in {', '.join(said.languages)}")


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
    said = study.config.server.pay
    if "reject" in said.model_fields_set and (unknown := [rule for rule in said.reject if rule not in declared]):
        return LiveCheck(
            name, Verdict.LOOK, f"nobody can be rejected by {', '.join(unknown)}, which is not declared",
            "declare it in study.toml: [exclusions], or take it out of [server.pay] reject",
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
            f"set study.toml: [server] recruit, best to a multiple of the design's {pages.count(places, 'schedule')}",
        )  # fmt: skip
    if recruit % places:
        return LiveCheck(
            name, Verdict.LOOK,
            f"{pages.count(recruit, 'person', 'people')} for {pages.count(places, 'schedule')}: some schedules are "
            "answered more often",
            "let study.toml: [server] recruit be a multiple of [design] participants",
        )  # fmt: skip
    quotas, groups = study.config.server.quotas, study.config.server.group_names
    if all(group in quotas for group in groups) and sum(quotas.values()) < recruit:
        return LiveCheck(
            name, Verdict.LOOK, f"recruit is {recruit}, but the quotas take {sum(quotas.values())} people in all",
            "let study.toml: [server] quotas add up to [server] recruit",
        )  # fmt: skip
    if shut := [group for group, most in quotas.items() if most == 0]:
        return LiveCheck(
            name, Verdict.LOOK, f"the quota of {', '.join(shut)} is 0: nobody of this group can take part",
            "set it in study.toml: [server] quotas",
        )  # fmt: skip
    return LiveCheck(name, Verdict.FINE, f"nobody new is taken when {recruit} have completed")


def _design(study: Study) -> LiveCheck:
    try:
        design = designs.load(study)
        refuse_stale(study)
    except UserError as error:
        return LiveCheck("design", Verdict.WRONG, str(error), f"run: {command('run', study.folder)}")
    return LiveCheck(
        "design", Verdict.FINE, f"{design.protocol}, {pages.count(len(design.sessions), 'schedule')}, up to date"
    )


def _validity(study: Study) -> LiveCheck:
    found, name = checks.current(study), "validity of the trials"
    how = f"run: {command('check', study.folder)}"
    if found.empty:
        return LiveCheck(name, Verdict.LOOK, "not checked for this design", how)
    for verdict in (Verdict.WRONG, Verdict.LOOK):
        if (found["verdict"] == verdict).any():
            return LiveCheck(name, verdict, checks.conclusion(found), f"{how}, which says what to do")
    return LiveCheck(name, Verdict.FINE, checks.conclusion(found))
