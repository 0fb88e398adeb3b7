"""The experimenter's preview: a session of a participant, or of a place in the design, read-only, page by page."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

from fastapi import APIRouter, Depends
from fastapi.responses import FileResponse, HTMLResponse
from sqlalchemy.orm import Session as Orm

from exemplum.server.experiment import Experiment
from exemplum.server.requests import ApiError
from exemplum.server.sessions import preview
from exemplum.server.sessions.preview import SessionPreview
from exemplum.server.storage.schema import Audit
from exemplum.server.storage.tables import label

if TYPE_CHECKING:
    from exemplum.server.http.experimenter_routes import Desk

PAGE = "preview.html"  # of the built pages, beside the participant's: addresses in both are relative to the same place
STATIC = Path(__file__).parents[1] / "static"


def add_preview(outside: APIRouter, inside: APIRouter, desk: Desk) -> None:
    """The toolbar and its data below /experimenter/preview, and the participant's page in its frame at /preview."""
    experiment, database, writer = desk.experiment, desk.database, desk.database.writer
    sealed = Depends(desk.form)

    @outside.get("/preview", dependencies=[Depends(desk.gate.known)])
    def page() -> FileResponse:
        if not (STATIC / PAGE).is_file():
            raise ApiError("not_found", "the pages are not built; run: npm --prefix web run build")
        return FileResponse(STATIC / PAGE, headers={"Cache-Control": "no-cache"})

    @inside.get("/preview")
    def toolbar(session: str = "", place: int = 1) -> HTMLResponse:
        with database.read() as orm:
            row = preview.row_of(orm, experiment, session) if session else None
            size = [row.client.get(side) for side in ("width", "height")] if row else []
            return desk.page(
                "preview.html", orm, session=session, place=place, places=len(experiment.design.sessions),
                label=label(row) if row else "", size=size if all(size) else [], is_alone=desk.is_preview,
            )  # fmt: skip

    @inside.get("/preview/plan")
    def plan(session: str = "", place: int = 1, lang: str = "") -> dict[str, Any]:
        if not session:
            return preview.of_place(experiment, place, lang).plan(experiment, truth=True)
        with database.read() as orm:
            return preview.of_session(orm, experiment, session, lang).plan(experiment, truth=False)

    @inside.post("/preview/truth")
    async def truth(sent: dict[str, str] = sealed) -> dict[str, dict[str, str]]:
        return (await writer.submit(lambda orm: _recorded(orm, experiment, sent.get("session", "")))).truth


def _recorded(orm: Orm, experiment: Experiment, key: str) -> SessionPreview:
    """A participant's session with its truth, after the look was recorded."""
    shown = preview.of_session(orm, experiment, key)
    orm.add(Audit(study_id=experiment.study_id, action="preview with truth", detail=shown.label))
    return shown
