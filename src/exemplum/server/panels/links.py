"""Links for panels, with the placeholders that each fills in."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from ipaddress import ip_address
from types import MappingProxyType
from urllib.parse import urlsplit

from exemplum.errors import UserError, shown


@dataclass(frozen=True)
class Panel:
    """How a panel sends participants, and what their way back is."""

    name: str  # in commands and addresses; also the source of its participants
    title: str
    parameters: Mapping[str, str]  # of the link: name → placeholder; the first identifies the participant
    added: tuple[str, ...]  # parameters that the panel appends by itself
    use: str  # where the link belongs
    back: str  # what [server.redirects] or [server.codes] need


PANELS: Mapping[str, Panel] = MappingProxyType({
    panel.name: panel
    for panel in (
        Panel(
            "prolific", "Prolific",
            {name: f"{{{{%{name}%}}}}" for name in ("PROLIFIC_PID", "STUDY_ID", "SESSION_ID")}, (),
            "Study link, with “I'll use URL parameters”.",
            "[server.redirects] with one completion link per outcome: "
            "https://app.prolific.com/submissions/complete?cc=CODE",
        ),
        Panel(
            "mturk", "MTurk", {name: f"${{{name}}}" for name in ("workerId", "assignmentId", "hitId")}, (),
            "Link in a HIT whose template fills in the three variables. An ExternalQuestion, and CloudResearch's MTurk "
            "Toolkit, append them by themselves: give these the link without the part from the question mark on.",
            "The code that the last page shows; workers paste it into the HIT.",
        ),
        Panel(
            "sona", "SONA", {"survey_code": "%SURVEY_CODE%"}, (),
            "Study URL of an Online External Study.",
            "[server.redirects] completed = the study's client-side completion URL, with survey_code={survey_code} "
            "instead of survey_code=XXXX.",
        ),
        Panel(
            "cloudresearch", "CloudResearch Connect", {}, ("participantId", "assignmentId", "projectId"),
            "Project link; Connect appends participantId, assignmentId and projectId by itself.",
            "[server.redirects] completed = the project's redirect URL; the partial redirect for screened_out.",
        ),
    )
})  # fmt: skip


def link(panel: Panel, base: str, code: str = "") -> str:
    """The link to give to a panel. `base` is the server's address, `code` the parameter `link` of a group or pilots.

    >>> link(PANELS["sona"], "https://study.example.org")
    'https://study.example.org/?survey_code=%SURVEY_CODE%'
    >>> link(PANELS["cloudresearch"], "https://study.example.org", "expert-1a2b")
    'https://study.example.org/?link=expert-1a2b'
    """
    filled = [*([f"link={code}"] if code else []), *(f"{name}={value}" for name, value in panel.parameters.items())]
    return f"{base}/" + (f"?{'&'.join(filled)}" if filled else "")


def base_of(address: str) -> str:
    """A server's address as links begin with it. Raises UserError unless it is https://HOST or http://HOST with a path.

    >>> base_of("https://study.example.org/mine/")
    'https://study.example.org/mine'
    """
    base = address.strip().rstrip("/")
    try:
        parts = urlsplit(base)
    except ValueError:  # [ without ], or no address of the network between them
        parts = urlsplit("")
    if parts.scheme not in ("http", "https") or not parts.hostname or parts.query or parts.fragment:
        raise UserError(f"--address must be https://HOST, with a path if there is one (got {shown(address)})")
    return base


def is_local(address: str) -> bool:
    """Whether an address leads to the machine itself.

    >>> is_local("http://127.0.0.1:8000"), is_local("http://localhost"), is_local("https://localhost.example.org")
    (True, True, False)
    """
    host = urlsplit(address).hostname or "localhost"
    try:
        found = ip_address(host)
    except ValueError:
        return host == "localhost"
    return found.is_loopback or found.is_unspecified


def link_doubts(base: str) -> str:
    """Why participants of a panel cannot use links with this address; "" if they can.

    >>> link_doubts("http://127.0.0.1:8000")[:38]
    'http://127.0.0.1:8000 is an address of'
    >>> link_doubts("https://study.example.org")
    ''
    """
    if is_local(base):
        return f"{base} is an address of this machine alone; give --address https://HOST"
    return "" if base.startswith("https://") else f"{base} is not encrypted; panels, and full screen, need https://"
