"""Who comes: the external id in a link, by the panel that sent the participant, and links of the server itself."""

from __future__ import annotations

import base64
import hashlib
import hmac
import re
import secrets
from collections.abc import Mapping
from dataclasses import dataclass

from exemplum.server.errors import ApiError
from exemplum.server.experiment import Experiment
from exemplum.server.pictures import opaque

CODE = 12  # characters of a link's code
PILOT = "pilot"
# What panels fill in, as it stands in the link before: {{%PROLIFIC_PID%}}, ${workerId}, %SURVEY_CODE%, {participant}, …
PLACEHOLDER = re.compile(r"\{\{.*\}\}|\$?\{.*\}|%[^%]*%|\[%?\w+%?\]|<\w+>", re.DOTALL)
PREVIEW = "ASSIGNMENT_ID_NOT_AVAILABLE"  # what MTurk sends while a worker only looks


@dataclass(frozen=True)
class Identity:
    external_id: str
    source: str  # prolific, mturk, sona, link, lab or anonymous
    group: str
    pilot: bool

    @property
    def is_anonymous(self) -> bool:
        return self.source == "anonymous"


def identify(experiment: Experiment, params: Mapping[str, str], typed: str) -> Identity:
    """Read a link's parameters, and in lab mode the participant number. Raises ApiError."""
    group, pilot = _link(experiment, params.get("link", ""))
    if params.get("assignmentId") == PREVIEW:
        raise ApiError("preview", "accept the HIT first")
    if experiment.settings.lab:
        if not (typed.isascii() and typed.isdecimal() and 0 < int(typed) < 10**6):
            raise ApiError("bad_request", f"{typed!r} is not a participant number", field="participant")
        return Identity(str(int(typed)), "lab", group, pilot)
    for source, name in (("prolific", "PROLIFIC_PID"), ("mturk", "workerId"), ("sona", "survey_code"), ("sona", "id"),
                         ("link", "participant")):  # fmt: skip
        if external_id := params.get(name, "").strip():
            if PLACEHOLDER.fullmatch(external_id):
                raise ApiError("unfilled_link", f"{name} is {external_id!r}: the panel did not fill in its link")
            return Identity(external_id, source, group, pilot)
    return Identity("anonymous-" + secrets.token_hex(8), "anonymous", group, pilot)


def link_names(experiment: Experiment) -> list[str]:
    """Links that the server gives out beside the plain one: `pilot`, and by group where the link tells the group."""
    groups = experiment.config.group_names if experiment.config.groups == "link" else ()
    return [*groups, *(f"{PILOT}.{group}" for group in groups)] if groups else [PILOT]


def link_code(experiment: Experiment, name: str) -> str:
    """The parameter `link` of a link: its name with a code that cannot be guessed."""
    return f"{name}-{opaque(experiment.secret, 'link', experiment.study_id, name)[:CODE]}"


def is_pilot(experiment: Experiment, code: str) -> bool:
    """Whether what is entered by this link is marked as pilot data; False for a link that is none of the study's."""
    if experiment.settings.pilot or not code:
        return experiment.settings.pilot
    try:
        return _link(experiment, code)[1]
    except ApiError:
        return False


def _link(experiment: Experiment, code: str) -> tuple[str, bool]:
    """Group and pilot that a link stands for."""
    by_link = experiment.config.groups == "link"
    if not code:
        if by_link and not experiment.settings.lab:
            raise ApiError("bad_link", "this study is entered by the link of a group")
        return "", experiment.settings.pilot
    for name in link_names(experiment):
        if hmac.compare_digest(code.encode(), link_code(experiment, name).encode()):
            parts = name.split(".")
            return (parts[-1] if by_link else ""), experiment.settings.pilot or parts[0] == PILOT
    raise ApiError("bad_link", "this link is not one of this study")


def token_of(secret: bytes, image_ref: str, version: int) -> str:
    """A session's token, 43 characters; made anew for the same session, it is the same."""
    digest = hmac.digest(secret, f"token|{image_ref}|{version}".encode(), "sha256")
    return base64.urlsafe_b64encode(digest).rstrip(b"=").decode()


def hashed(token: str) -> str:
    """What the database keeps of a token."""
    return hashlib.sha256(token.encode()).hexdigest()


def veiled(secret: bytes, external_id: str) -> str:
    """What stays of the external id of someone who withdrew: enough to refuse a second entry, no more."""
    return "withdrawn:" + opaque(secret, "withdrawn", external_id)
