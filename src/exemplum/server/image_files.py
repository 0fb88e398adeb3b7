"""Images, sent without passing the framework: a block asks for some hundred of them at once."""

from __future__ import annotations

from starlette.types import ASGIApp, Receive, Scope, Send

from exemplum.server import limits
from exemplum.server.errors import ApiError
from exemplum.server.experiment import Experiment
from exemplum.server.image_names import picture_of
from exemplum.server.limits import Buckets

PREFIX = "/i/"


class ImageFiles:
    """ASGI middleware that answers `GET /i/NAME` and lets everything else pass."""

    path = "/i/{name}"  # what the log calls it

    def __init__(self, app: ASGIApp, experiment: Experiment, buckets: Buckets) -> None:
        self.app = app
        self._experiment = experiment
        self._buckets = buckets

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        path = scope.get("path", "").removeprefix(scope.get("root_path", ""))
        if scope["type"] != "http" or scope["method"] not in ("GET", "HEAD") or not path.startswith(PREFIX):
            await self.app(scope, receive, send)
            return
        scope["route"] = self
        name = path.removeprefix(PREFIX)
        picture = picture_of(self._experiment.secret, name)
        try:
            if picture is None:
                raise FileNotFoundError
            body = self._experiment.pictures.sent(picture, name)
        except FileNotFoundError:
            await self._refuse(scope, receive, send)
            return
        headers = [
            (b"content-type", b"image/" + picture.rpartition(".")[2].encode()),
            (b"content-length", str(len(body)).encode()),
            (b"cache-control", b"private, max-age=604800, immutable"),
        ]
        await send({"type": "http.response.start", "status": 200, "headers": headers})
        await send({"type": "http.response.body", "body": b"" if scope["method"] == "HEAD" else body})

    async def _refuse(self, scope: Scope, receive: Receive, send: Send) -> None:
        error = ApiError("not_found", "no such image")
        caller = scope["client"][0] if scope.get("client") else "-"
        try:
            self._buckets.take(limits.UNKNOWN, caller)
        except ApiError as limited:
            error = limited
        await error.response()(scope, receive, send)
