"""Who is approved, rejected or screened out, why, and what bonus is due. Amounts depend on no condition."""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from decimal import ROUND_HALF_UP, Decimal
from typing import Any, Literal

from sqlalchemy import select
from sqlalchemy.orm import Session as Orm

from exemplum.responses import FINISHED
from exemplum.server import PaySection
from exemplum.server.experiment import Experiment
from exemplum.server.pages.session_lines import SessionLine
from exemplum.server.sessions.steps import ATTENTION
from exemplum.server.storage.schema import Participant, SessionRow, Summary

Kind = Literal["approve", "reject", "screened out", "none"]
KINDS: tuple[Kind, ...] = ("approve", "reject", "screened out", "none")
# Anybody can open a link with any text as the id; one with a line break would add lines of its own to a file.
ORDINARY = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,99}")
CENT = Decimal("0.01")
STRANGE_ID = "the id is not one that a panel gives: look at it yourself"
LEFT = "left before the end"
# To participants; Prolific wants at least 100 characters.
BECAUSE = (
    "Your submission could not be accepted, because it does not meet what this study needs: {reason}. If you think "
    "that this is a mistake, please write to us."
)
PLAIN = {  # rule → what a participant is told; of catch trials the numbers, too
    "catch_accuracy": "only {right} of {trials} attention checks were answered correctly",
    "answers_each_side": "nearly all answers were on the same side",
    "instruction_time_s": "the instructions were read in too short a time",
    "practice_attempts": "the practice had to be repeated too often",
    "total_time_s_min": "the study was done in too short a time",
    "total_time_s_max": "the study took too long",
    "image_px_min": "the images were too small in your window",
    "pixel_ratio_min": "the images were too coarse on your screen",
    "frame_ms_max": "your computer drew the images too slowly",
    "blurs_max": "the window was left too often",
    "hidden_s_max": "the study was hidden for too long",
}


@dataclass(frozen=True)
class Decision:
    """What is to be done about one participant of a panel."""

    label: str
    key: str  # of the session
    external_id: str
    kind: Kind
    reason: str  # why rejected, or why there is nothing to do
    told: str  # why rejected, in a participant's words
    bonus: Decimal  # of approved participants; of those screened out what they get
    params: Mapping[str, str]  # of the link, filled in by the panel

    @property
    def message(self) -> str:
        """The reason as the participant reads it."""
        return BECAUSE.format(reason=self.told)


def decisions(orm: Orm, experiment: Experiment, lines: Iterable[SessionLine]) -> dict[str, list[Decision]]:
    """Source → everybody of these sessions who came from it, without pilots and without those who withdrew."""
    rows = orm.execute(
        select(SessionRow.id, SessionRow.params, Summary.main_answers, Summary.main_correct)
        .join(Participant, Participant.id == SessionRow.participant_id)
        .outerjoin(Summary, Summary.session_id == SessionRow.id)
        .where(
            Participant.study_id == experiment.study_id,
            Participant.pilot.is_(False),
            Participant.withdrawn_at.is_(None),
        )
    )
    known = {row.id: row for row in rows}
    of: dict[str, list[Decision]] = defaultdict(list)
    for line in lines:
        if line.id in known:
            of[line.source].append(_decided(line, known[line.id], experiment.config.pay))
    return of


def totals(of: Iterable[Decision]) -> dict[Kind, tuple[int, Decimal]]:
    """People and money per kind. Sums alone: amounts of single people would show their accuracy."""
    sums: dict[Kind, tuple[int, Decimal]] = dict.fromkeys(KINDS, (0, Decimal(0)))
    for decision in of:
        count, money = sums[decision.kind]
        sums[decision.kind] = (count + 1, money + decision.bonus)
    return sums


def accuracy_bonus(pay: PaySection, accuracy: float) -> Decimal:
    """The bonus of a share of main trials right: in proportion above `bonus_from`, rounded to cents.

    >>> accuracy_bonus(PaySection(bonus="accuracy", bonus_amount=2.0), 0.75)
    Decimal('1.00')
    """
    share = max(0.0, (accuracy - pay.bonus_from) / (1 - pay.bonus_from))
    return money(pay.bonus_amount * share)


def money(amount: float) -> Decimal:
    # by way of text, so that 0.125 given as 0.125 is rounded as people do
    return Decimal(str(round(amount, 9))).quantize(CENT, ROUND_HALF_UP)


def _decided(line: SessionLine, row: Any, pay: PaySection) -> Decision:
    kind, reasons = _kind(line, pay)
    told = "; ".join(PLAIN.get(rule, reason) for rule, reason in reasons.items())
    bonus = money(pay.screened_out) if kind == "screened out" else money(0)
    if kind == "approve" and pay.bonus == "fixed":
        bonus = money(pay.bonus_amount)
    if kind == "approve" and pay.bonus == "accuracy":
        bonus = accuracy_bonus(pay, row.main_correct / row.main_answers if row.main_answers else 0.0)
    params = {name: value for name, value in row.params.items() if ORDINARY.fullmatch(value)}
    return Decision(
        line.label, line.key, line.external_id, kind, "; ".join(reasons.values()),
        told.format(right=line.catch_right, trials=line.catch_trials), bonus, params,
    )  # fmt: skip


def _kind(line: SessionLine, pay: PaySection) -> tuple[Kind, dict[str, str]]:
    """The decision, and its reasons, by rule where rules give them."""
    if not ORDINARY.fullmatch(line.external_id):
        return "none", {"": STRANGE_ID}
    if line.status == "screened_out":
        return "screened out", {}
    if line.status == "no_consent":
        return "none", {"": "no consent"}
    if line.status not in FINISHED:
        return "none", {"": "still under way" if line.status == "active" else LEFT}
    broken = {rule: reason for rule, reason in line.broken.items() if rule in pay.reject}
    if line.status == "failed_attention" and ATTENTION in pay.reject:
        broken.setdefault(ATTENTION, "too many of the simple control trials were answered wrongly")
    return ("reject" if broken else "approve"), broken
