"""One simulated person's visit: every page and every trial through the server's interface, as a browser would."""

from __future__ import annotations

import uuid
from collections.abc import Mapping
from typing import Any

import httpx
from sqlalchemy import func, select, update
from sqlalchemy.orm import Session as Orm

from exemplum.design import duration
from exemplum.errors import UserError
from exemplum.server.experiment import Experiment
from exemplum.server.sessions import comprehension
from exemplum.server.sessions.entry import hashed, link_code
from exemplum.server.sessions.recruitment import alive_since
from exemplum.server.sessions.schedule import trial_of
from exemplum.server.simulated.crowd import Manner
from exemplum.server.simulated.person import ANNOUNCEMENT_S, SimulatedPerson
from exemplum.server.storage.schema import Answer, SessionRow, StepRecord, TrialRow

BEFORE_SCHEDULE = ("consent", "form")
CLIENT = {
    "user_agent": "Exemplum rehearsal", "screen_width": 1512, "screen_height": 982, "width": 1512, "height": 820,
    "pixel_ratio": 2.0, "language": "en", "time_zone": "UTC", "touch": False,
}  # fmt: skip
MEASURED = {
    "frame_ms": 16.7, "frames_late": 0, "hidden_ms": 0.0, "blurs": 0, "query_px": 180.0, "reference_px": 180.0,
    "pixel_ratio": 2.0, "input": "simulated", "attempt": 1,
}  # fmt: skip
MINUTE_MS = 60_000
EVERY_MS = 3 * MINUTE_MS  # people come this far apart


class RehearsalError(UserError):
    """The server did not take what a simulated person did; the message says at which page."""


class Visit:
    """A person in a browser of their own. Time is simulated: the browser's clock goes on with what the person does."""

    def __init__(self, http: httpx.AsyncClient, experiment: Experiment, person: SimulatedPerson, began: int) -> None:
        self.person, self._http, self._experiment = person, http, experiment
        self._clock = float(began + EVERY_MS * person.number)
        self._headers: dict[str, str] = {}
        self._step: dict[str, Any] = {}
        self._progress: dict[str, int] = {}
        self._texts: Mapping[str, str] = {}

    async def enter(self) -> bool:
        """Come, and go on until the place in the design is assigned; False if the study takes nobody any more.

        A visit that a stopped rehearsal had begun is taken up where it was.
        """
        copy = self._experiment.study.id
        body = {
            "key": str(uuid.uuid5(uuid.UUID(copy), f"person {self.person.number}")),
            "params": {"participant": f"simulated-{self.person.number:04d}"} | self._link(),
            "language": self._experiment.config.languages[0], "client": CLIENT,
        }  # fmt: skip
        response = await self._http.post("/api/sessions", json=body)
        if response.status_code == 403 and response.json()["error"]["code"] == "closed":
            return False
        begun = _checked(response, "the link")
        self._headers = {"Authorization": f"Bearer {begun['token']}"}
        self._texts = _checked(await self._http.get(f"/api/texts/{begun['state']['language']}"), "the texts")
        with self._experiment.database.read() as orm:
            session = orm.scalars(select(SessionRow.id).where(SessionRow.token_hash == self._token_hash)).one()
            self._clock = max(self._clock, last_ms(orm, session))
        self._take(begun["state"])
        while self._step["kind"] in BEFORE_SCHEDULE:
            await self._do_page()
        return True

    async def finish(self) -> None:
        """Go on to the last page, or to where the person leaves."""
        while self._step["kind"] != "finished":
            if self._has_left():
                await self._be_forgotten()
                return
            if self._step["kind"] == "block":
                await self._do_block()
            else:
                await self._do_page()

    def _link(self) -> dict[str, str]:
        said = self._experiment.config
        if said.groups != "link":
            return {}
        return {"link": link_code(self._experiment, said.group_names[self.person.number % len(said.group_names)])}

    def _take(self, state: dict[str, Any]) -> None:
        self._step, self._progress = state["step"], state["progress"]

    def _has_left(self) -> bool:
        leaves_after = int(self.person.leaves_at * self._progress["total"])
        return self.person.manner is Manner.DROPOUT and self._progress["answered"] >= leaves_after

    async def _do_page(self) -> None:
        ms = 1000 * self.person.seconds(self._step, self._texts)
        entered = self.person.enters(self._step, comprehension.SOLUTIONS)
        body = {"shown_at": self._clock, "ms": ms, "visible_ms": ms, "data": entered}
        self._clock += ms
        response = await self._http.post(f"/api/steps/{self._step['id']}", json=body, headers=self._headers)
        self._take(_checked(response, f"the page {self._step['kind']}")["state"])

    async def _do_block(self) -> None:
        trials = self._step["trials"][self._step["answered"] :]
        if self._step["images"]:  # one of them is looked at: the chain to the picture's file must hold
            image = await self._http.get(f"/{self._step['images'][0]}")
            if image.status_code != 200:
                raise RehearsalError(f"an image of block {self._step['number']} could not be loaded ({image.text})")
        asked = self._asked([trial["trial"] for trial in trials])
        self._clock += 1000 * ANNOUNCEMENT_S
        for trial in trials:
            row = asked[trial["trial"]]
            given = self.person.respond(trial_of(row.spec), row.position)
            body = {
                "trial": trial["trial"], "key": str(uuid.uuid5(uuid.NAMESPACE_OID, trial["trial"])),
                "choice": given.choice.value, "confidence": given.confidence, "rt_ms": given.rt_ms,
                "shown_at": self._clock, **MEASURED,
            }  # fmt: skip
            if not (trial["references"]["left"] or trial["references"]["right"]):
                body["reference_px"] = None
            said = _checked(await self._http.post("/api/answers", json=body, headers=self._headers), "a trial")
            self._clock += (given.rt_ms or 0.0) + 1000 * duration.FEEDBACK_S
            self._progress |= said["progress"]
            if self._has_left():
                return
        self._take(_checked(await self._http.get("/api/session", headers=self._headers), "the state"))

    def _asked(self, keys: list[str]) -> dict[str, TrialRow]:
        """What these trials are: the simulated mind knows, the browser does not."""
        own = select(SessionRow.id).where(SessionRow.token_hash == self._token_hash).scalar_subquery()
        asked = select(TrialRow).where(TrialRow.session_id == own, TrialRow.key.in_(keys))  # by their index
        with self._experiment.database.read() as orm:
            return {row.key: row for row in orm.scalars(asked)}

    async def _be_forgotten(self) -> None:
        """The dropout's time passes at once, so that the place is given to the next who come."""
        gone = alive_since(self._experiment) - 1
        leave = update(SessionRow).where(SessionRow.token_hash == self._token_hash).values(seen_at=gone)
        await self._experiment.database.writer.submit(lambda orm: orm.execute(leave))

    @property
    def _token_hash(self) -> str:
        return hashed(self._headers["Authorization"].removeprefix("Bearer "))


def _checked(response: httpx.Response, where: str) -> Any:
    if response.is_success:
        return response.json()
    raise RehearsalError(f"the server refused {where} ({response.status_code}): {response.text[:300]}")


def last_ms(orm: Orm, session: int) -> float:
    """When a session's last page or trial so far ended, with its feedback, by the browser's clock; 0 before any."""
    answered = orm.scalar(select(func.max(Answer.shown_at + Answer.rt_ms)).where(Answer.session_id == session))
    done = orm.scalar(select(func.max(StepRecord.shown_at + StepRecord.ms)).where(StepRecord.session_id == session))
    return max(answered + 1000 * duration.FEEDBACK_S if answered else 0.0, done or 0.0)
