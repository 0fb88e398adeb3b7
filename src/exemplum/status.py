"""What the web experiment says of itself in the study folder, so that stages know about people without a database."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass, field, fields
from typing import Any, Literal

from exemplum import store
from exemplum.study import Study

Recruitment = Literal["open", "paused", "closed"]
FILE = "server/status.json"


@dataclass(frozen=True)
class Status:
    """STUDY/server/status.json; the server writes it when it starts and whenever one of these changes."""

    id: str  # of the study: 32 hex digits
    recruitment: Recruitment
    unblinded_at: int | None  # ms since 1970 when accuracy by condition was first asked for; None while blind
    answers: int  # by participants who are no pilots
    participants: int  # who entered and have not withdrawn, without pilots
    design: str  # hash of the design that the answers belong to
    database: str  # where the answers lie, without a password
    frozen: dict[str, Any] = field(default_factory=dict)  # what must not change while there are answers


def read(study: Study) -> Status | None:
    """The last status that the server wrote; None if the study was never served.

    Raises StoreError if the file is broken.
    """
    path = study.folder / FILE
    if not path.exists():
        return None
    known = {one.name for one in fields(Status)}
    try:
        held = json.loads(path.read_text(encoding="utf-8"))
        return Status(**{name: value for name, value in held.items() if name in known})
    except (AttributeError, TypeError, ValueError, RecursionError, OSError) as error:
        raise store.StoreError(
            f"{path} is not the server's status; start exemplum serve, which writes it anew"
        ) from error


def write(study: Study, status: Status) -> None:
    """Write the status whole or not at all."""
    store.write_json(study.folder / FILE, asdict(status))
