"""Codes and addresses at the end of a session, and the public address: what a panel's page would get."""

from __future__ import annotations

import re
from collections.abc import Iterator
from urllib.parse import parse_qsl, unquote, urlsplit

from exemplum.checks import Verdict
from exemplum.server import CodesSection
from exemplum.server.live.check import LiveCheck, Situation
from exemplum.server.live.placeholders import placeholder
from exemplum.server.panels.links import PANELS, is_local, link_doubts
from exemplum.study import Study

# Panels' own ways to write a parameter. The server fills in {name} only, so these would be sent as they are.
OF_PANELS = re.compile(r"\{\{.*?\}\}|\$\{.*?\}|%[A-Z][A-Z_]{2,}%|\[%?\w+%?\]|<\w+>")
OWN = re.compile(r"\{(\w+)\}")
PARAMETERS = {"participant", "id", *(name for panel in PANELS.values() for name in (*panel.parameters, *panel.added))}


def links(situation: Situation) -> Iterator[LiveCheck]:
    """Checks of codes, redirects and the public address."""
    yield _endings(situation)
    yield _left_over(situation)
    yield _address(situation)


def _endings(situation: Situation) -> LiveCheck:
    said, name = situation.study.config.server, "codes and redirects"
    outcomes = tuple(CodesSection.model_fields)
    codes = {outcome: code for outcome in outcomes if (code := getattr(said.codes, outcome))}
    redirects = {outcome: where for outcome in outcomes if (where := getattr(said.redirects, outcome))}
    if situation.lab:
        return LiveCheck(name, Verdict.FINE, "not needed in the laboratory")
    if not codes and not redirects:
        return LiveCheck(
            name, Verdict.LOOK, "none is declared: everyone who finishes gets a random code",
            "for a panel set study.toml: [server.codes] or [server.redirects] for every outcome",
        )  # fmt: skip
    possible = possible_outcomes(situation.study)
    heard = [_heard(redirects.get(outcome, ""), codes.get(outcome, "")) for outcome in possible]
    given = [told for told in heard if told]
    if len(set(given)) < len(given):
        return LiveCheck(
            name, Verdict.WRONG, "two outcomes have the same code or address, so the panel cannot tell them apart",
            "give each outcome of study.toml: [server.codes] and [server.redirects] its own; where there is an "
            "address, the panel does not see the code beside it",
        )  # fmt: skip
    if bare := [outcome for outcome, where in redirects.items() if where.startswith("http://") and not is_local(where)]:
        return LiveCheck(
            name, Verdict.WRONG, f"the redirect of {', '.join(bare)} begins with http://, so ids travel unencrypted",
            "write https:// in study.toml: [server.redirects]",
        )  # fmt: skip
    if missing := [outcome for outcome in possible if outcome not in codes and outcome not in redirects]:
        return LiveCheck(
            name, Verdict.LOOK, f"none for {', '.join(missing)}",
            "set them in study.toml: [server.codes] or [server.redirects], or the panel does not hear of these people",
        )  # fmt: skip
    return LiveCheck(name, Verdict.FINE, f"one for each outcome: {', '.join(codes | redirects)}")


def _heard(redirect: str, code: str) -> str:
    """What the panel gets: the code in its address, as Prolific's has one; the whole address; or the code as typed.

    Without case and surrounding spaces, which people who type a code do not keep.
    """
    carried = dict(parse_qsl(urlsplit(redirect).query)).get("cc", "")
    return (carried or redirect or code).strip().casefold()


def possible_outcomes(study: Study) -> list[str]:
    """The outcomes that the study can have."""
    said = study.config.server
    may_be = {
        "failed_attention": study.config.exclusions.catch_accuracy is not None,
        "screened_out": bool(said.quotas) or any(field.screen_out for field in said.fields),
    }
    return [outcome for outcome in CodesSection.model_fields if may_be.get(outcome, True)]


def _left_over(situation: Situation) -> LiveCheck:
    said, name = situation.study.config.server, "placeholders in links"
    keys = {f"[server.{part}] {outcome}": getattr(getattr(said, part), outcome)
            for part in ("codes", "redirects") for outcome in CodesSection.model_fields}  # fmt: skip
    for key, text in ((key, unquote(text)) for key, text in keys.items()):
        if found := OF_PANELS.search(text):
            return LiveCheck(
                name, Verdict.WRONG, f"{key} has {found[0]}, which is for the panel's own pages and is not filled in",
                "write a parameter of the participant's link as {PROLIFIC_PID}, {survey_code} or {participant}",
            )  # fmt: skip
        if left := placeholder(OWN.sub("", text)):
            return LiveCheck(name, Verdict.WRONG, f"{key} still has {left}", "put in what your panel gave you")
    unknown = {field for text in keys.values() for field in OWN.findall(text) if field not in PARAMETERS}
    if unknown:
        return LiveCheck(
            name, Verdict.LOOK, f"{', '.join(sorted(unknown))}: of no panel that the server knows",
            "see that the participants' link has a parameter of this name, or it is sent as it is written",
        )  # fmt: skip
    return LiveCheck(name, Verdict.FINE, "none left")


def _address(situation: Situation) -> LiveCheck:
    name, address = "HTTPS", situation.address
    if situation.lab:
        return LiveCheck(name, Verdict.FINE, "not needed: in the laboratory the server listens on this machine only")
    if not address:
        return LiveCheck(name, Verdict.LOOK, "the public address is not known here", "give it with --address https://…")
    if placeholder(address):
        return LiveCheck(name, Verdict.WRONG, f"{address} is a placeholder", "serve with --address and your own")
    if not (doubt := link_doubts(address)):
        return LiveCheck(name, Verdict.FINE, address)
    return LiveCheck(
        name, Verdict.LOOK if is_local(address) else Verdict.WRONG, doubt,
        "put a proxy with a certificate before the server, and serve with --address https://…",
    )  # fmt: skip
