"""Opaque image names of a session, and the way back from a name to the picture."""

from __future__ import annotations

from collections import OrderedDict
from threading import Lock
from typing import Any

from sqlalchemy import select
from sqlalchemy.orm import Session as Orm

from exemplum.server.experiment import Experiment
from exemplum.server.pictures import opaque, padded
from exemplum.server.schema import SessionRow, TrialRow

REF = 22  # characters of a session's part of a name
NAME = 44
KEPT = 128  # sessions whose names are kept in memory, some 0.4 MB each


def image_url(secret: bytes, image_ref: str, slot: str) -> str:
    """The name of one showing of one image. `slot` says where in the session it is shown."""
    return f"i/{image_ref}{opaque(secret, 'image', image_ref, slot)}"


class ImageNames:
    """Finds the picture behind a name; the names of sessions seen last are kept."""

    def __init__(self, experiment: Experiment) -> None:
        self._experiment = experiment
        self._kept: OrderedDict[str, tuple[dict[str, str], tuple[int, str]]] = OrderedDict()
        self._lock = Lock()

    def known(self, name: str) -> tuple[bytes, str] | None:
        """The bytes to send and their type, if the session is in memory and has this name."""
        with self._lock:
            entry = self._kept.get(name[:REF])
            if entry is None or name[REF:] not in entry[0]:
                return None
            self._kept.move_to_end(name[:REF])
            names, (length, media) = entry
        return padded(self._experiment.pictures.read(names[name[REF:]]), length, name), media

    def find(self, name: str) -> tuple[bytes, str] | None:
        """The same, from the database; None if there is no such image."""
        if len(name) != NAME:
            return None
        with self._experiment.database.read() as orm:
            row = orm.scalar(select(SessionRow).where(SessionRow.image_ref == name[:REF]))
            if row is None:
                return None
            entry = (self._names(orm, row), self._experiment.sent_as(row.version_id))
        with self._lock:
            self._kept[name[:REF]] = entry
            while len(self._kept) > KEPT:
                self._kept.popitem(last=False)
        return self.known(name)

    def forget(self, image_ref: str) -> None:
        with self._lock:
            self._kept.pop(image_ref, None)

    def _names(self, orm: Orm, row: SessionRow) -> dict[str, str]:
        slots: dict[str, str] = {}
        for key, pictures in orm.execute(select(TrialRow.id, TrialRow.pictures).where(TrialRow.session_id == row.id)):
            slots |= _places(f"t{key}", pictures)
        for position, step in enumerate(row.steps):
            for n, example in enumerate(step.get("examples", ())):
                slots |= _places(f"{position}.{n}", example["pictures"])
            for n, item in enumerate(step.get("items", ())):
                for m, shown in enumerate(item["pictures"]):
                    slots |= {f"{position}.{n}.{m}.{k}": name for k, name in enumerate(shown["images"])}
        secret = self._experiment.secret
        return {opaque(secret, "image", row.image_ref, slot): name for slot, name in slots.items()}


def _places(slot: str, pictures: dict[str, Any]) -> dict[str, str]:
    found = {f"{slot}.{side}{n}": name for side in ("left", "right") for n, name in enumerate(pictures[side])}
    return found | {f"{slot}.{place}": pictures[place] for place in ("top", "bottom")}
