"""Files in the formats of the panels: to approve, to reject, to pay a bonus, and for those who were screened out."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from types import MappingProxyType

import pandas as pd

from exemplum.server.experiment import Experiment
from exemplum.server.panels.decisions import Decision, Kind
from exemplum.server.sessions.state import filled
from exemplum.store import csv_text

Rows = Iterable[Decision]
Writer = Callable[[Rows, Experiment], str]


def _only(of: Rows, *kinds: Kind) -> list[Decision]:
    return [decision for decision in of if decision.kind in kinds]


def _paid(of: Rows, kind: Kind) -> list[Decision]:
    return [decision for decision in _only(of, kind) if decision.bonus]


def _csv(rows: Iterable[Mapping[str, object]], columns: Iterable[str]) -> str:
    return csv_text(pd.DataFrame(list(rows), columns=list(columns)))


def ids(*kinds: Kind) -> Writer:
    """One id per line, to be pasted."""
    return lambda of, _: "".join(f"{decision.external_id}\n" for decision in _only(of, *kinds))


def amounts(kind: Kind) -> Writer:
    """`id,amount` per line, without a head, to be pasted: Prolific's bulk bonus payment."""
    return lambda of, _: "".join(f"{decision.external_id},{decision.bonus}\n" for decision in _paid(of, kind))


def prolific_rejections(of: Rows, _: Experiment) -> str:
    """The fields that Prolific asks for with each rejection."""
    return _csv(
        (
            {"submission_id": decision.params.get("SESSION_ID", ""), "participant_id": decision.external_id,
             "rejection_category": "FAILED_CHECK", "message": decision.message}
            for decision in _only(of, "reject")
        ),
        ("submission_id", "participant_id", "rejection_category", "message"),
    )  # fmt: skip


def mturk_batch(of: Rows, _: Experiment) -> str:
    """Columns of a batch's results that MTurk reads from an uploaded file: X to approve, the reason to reject."""
    return _csv(
        (
            {"HITId": decision.params.get("hitId", ""), "AssignmentId": decision.params.get("assignmentId", ""),
             "WorkerId": decision.external_id, "Approve": "X" if decision.kind == "approve" else "",
             "Reject": decision.message if decision.kind == "reject" else ""}
            for decision in _only(of, "approve", "reject")
        ),
        ("HITId", "AssignmentId", "WorkerId", "Approve", "Reject"),
    )  # fmt: skip


def mturk_bonus(kind: Kind) -> Writer:
    """The parameters of MTurk's SendBonus."""
    reason = "Bonus of the study" if kind == "approve" else "Payment for the questions before the study"
    return lambda of, _: _csv(
        (
            {"WorkerId": decision.external_id, "AssignmentId": decision.params.get("assignmentId", ""),
             "BonusAmount": str(decision.bonus), "Reason": reason}
            for decision in _paid(of, kind)
        ),
        ("WorkerId", "AssignmentId", "BonusAmount", "Reason"),
    )  # fmt: skip


def sona_credits(of: Rows, experiment: Experiment) -> str:
    """Whom to grant credit; opening `credit_url`, the redirect of study.toml, grants it too."""
    return _csv(
        (
            {"survey_code": decision.external_id, "participated": "yes" if decision.kind == "approve" else "no",
             "comment": decision.reason,
             "credit_url": _credit_url(decision, experiment) if decision.kind == "approve" else ""}
            for decision in _only(of, "approve", "reject")
        ),
        ("survey_code", "participated", "comment", "credit_url"),
    )  # fmt: skip


def _credit_url(decision: Decision, experiment: Experiment) -> str:
    """The study's completion URL for this participant; "" if it has no place for the code, so that it grants nothing.

    SONA lets the study name the parameter that carries the code, as in ?id=%SURVEY_CODE%.
    """
    address, code = experiment.config.redirects.completed, decision.external_id
    carried = any(value == code and f"{{{name}}}" in address for name, value in decision.params.items())
    return filled(address, decision.params) if carried else ""


def connect(kind: Kind) -> Writer:
    """Participants with a message, as Connect's upload to approve or to reject takes them."""
    return lambda of, _: _csv(
        (
            {"participantId": decision.external_id, "message": decision.message if kind == "reject" else ""}
            for decision in _only(of, kind)
        ),
        ("participantId", "message"),
    )


def paid(identity: str, kind: Kind) -> Writer:
    """Participants with an amount, under the panel's name of the id."""
    return lambda of, _: _csv(
        ({identity: decision.external_id, "amount": str(decision.bonus)} for decision in _paid(of, kind)),
        (identity, "amount"),
    )


def overview(of: Rows, experiment: Experiment) -> str:
    """Everybody with the decision, for the record."""
    return _csv(
        (
            {"participant": decision.label, "id": decision.external_id, "decision": decision.kind,
             "reason": decision.reason, "bonus": str(decision.bonus), "currency": experiment.config.pay.currency}
            for decision in of
        ),
        ("participant", "id", "decision", "reason", "bonus", "currency"),
    )  # fmt: skip


# source → file → how it is written; the words are for the page
FILES: Mapping[str, Mapping[str, tuple[str, Writer]]] = MappingProxyType({
    "prolific": {
        "approve.txt": ("Submissions, Bulk approve: paste", ids("approve")),
        "reject.csv": ("each rejection with its category and message", prolific_rejections),
        "bonus.txt": ("Submissions, Bulk bonus payment: paste", amounts("approve")),
        "screened-out.txt": ("Bulk bonus payment, unless Prolific pays by the code", amounts("screened out")),
    },
    "mturk": {
        "batch.csv": ("Review results, Upload CSV", mturk_batch),
        "bonus.csv": ("for SendBonus: one bonus per line", mturk_bonus("approve")),
        "screened-out.csv": ("for SendBonus", mturk_bonus("screened out")),
    },
    "sona": {
        "credits.csv": ("whom to grant credit, and the address that grants it", sona_credits),
        "bonus.csv": ("amounts, for a paid study", paid("survey_code", "approve")),
        "screened-out.csv": ("amounts, for a paid study", paid("survey_code", "screened out")),
    },
    "cloudresearch": {
        "approve.csv": ("Manage Participants, by CSV", connect("approve")),
        "reject.csv": ("Manage Participants, by CSV", connect("reject")),
        "bonus.csv": ("Manage Participants, by CSV", paid("participantId", "approve")),
        "screened-out.csv": ("bonus, unless Connect pays partial completes", paid("participantId", "screened out")),
    },
    "link": {},
    "invitation": {},
})  # fmt: skip
OVERVIEW = "decisions.csv"


def written(name: str, of: Rows, source: str, experiment: Experiment) -> str:
    """The content of a file of a source."""
    return overview(of, experiment) if name == OVERVIEW else FILES[source][name][1](of, experiment)
