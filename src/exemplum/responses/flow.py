"""How many people entered the web experiment and how their sessions ended: what a participant flow figure begins with.

The server writes the counts beside the answers it publishes, into STUDY/server/flow.json. They say nothing about
conditions or accuracy, and nothing about pilots.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, fields

from exemplum import store
from exemplum.study import Study

FILE = "server/flow.json"
UNFINISHED = "unfinished"  # the outcome of a session that has not ended
FINISHED = ("completed", "failed_attention")  # outcomes of those who answered every trial


@dataclass(frozen=True)
class Entered:
    """Counts of people who entered, without pilots. The outcomes and the withdrawals add up to `entered`."""

    entered: int
    withdrawn: int = 0  # on request: all their data are deleted
    not_begun: int = 0  # of those who did not finish: left before they answered a trial
    outcomes: Mapping[str, int] = field(default_factory=dict)  # completed, failed_attention, no_consent, unfinished, …


def write_entered(study: Study, counts: Entered) -> None:
    """Write the counts, whole or not at all."""
    store.write_json(study.folder / FILE, asdict(counts))


def read_entered(study: Study) -> Entered | None:
    """The counts; None where the server of this version has collected no answers.

    Raises StoreError if the file is broken.
    """
    path = study.folder / FILE
    if not path.exists():
        return None
    held = store.read_json(path)
    known = {one.name for one in fields(Entered)}
    try:
        return Entered(**{name: value for name, value in held.items() if name in known})
    except (AttributeError, TypeError) as error:
        raise store.StoreError(
            f"{path} is not a file of the server; delete it and start exemplum serve, which writes it again"
        ) from error
