"""What a request gets that cannot be answered: JSON for programs, a page for people who opened an address."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from fastapi import Request
from fastapi.responses import HTMLResponse, Response
from jinja2 import Environment, FileSystemLoader, StrictUndefined

from exemplum.server.errors import NO_JSON, ApiError, bad_request

PROGRAMS = ("/api/", "/i/")  # what is asked for by the pages' scripts
TITLES = {
    "forbidden": "This page is for the experimenter",
    "not_found": "There is no such page",
    "rate_limited": "Too many tries",
}
EXPERIMENTER = "/experimenter"
UNREADABLE = "There was an error parsing the body"  # the framework's word for a body that is no text, or too deep


class ErrorResponses:
    """Exception handlers of the application; `texts` are the participant's, by language."""

    def __init__(self, texts: Mapping[str, Mapping[str, str]]) -> None:
        self._texts = texts
        folder = Path(__file__).parent / "templates"
        pages = Environment(loader=FileSystemLoader(folder), autoescape=True, undefined=StrictUndefined)
        self._page = pages.get_template("problem.html")

    async def api_error(self, request: Request, error: Any) -> Response:
        return self.response(request, error)

    async def bad_request(self, request: Request, error: Any) -> Response:
        return self.response(request, bad_request(error.errors()[0]))

    async def http_error(self, request: Request, error: Any) -> Response:
        """What the framework itself refuses: an unknown address, a method that a route does not have."""
        code = {404: "not_found", 413: "too_large"}.get(error.status_code, "bad_request")
        refused = ApiError(code, NO_JSON if error.detail == UNREADABLE else str(error.detail))
        refused.status = error.status_code
        response = self.response(request, refused)
        for name, value in (error.headers or {}).items():
            response.headers[name] = value
        return response

    def response(self, request: Request, error: ApiError) -> Response:
        if not _by_a_person(request):
            return error.response()
        inside = request.scope["path"].startswith(EXPERIMENTER)
        language = "en" if inside else self._language(request.headers.get("accept-language", ""))
        title, text = self._said(error, inside, language)
        style = f"{request.scope.get('root_path', '')}{EXPERIMENTER}/files/style.css"
        body = self._page.render(language=language, title=title, text=text, style=style)
        headers = {"Retry-After": str(error.retry_after)} if error.retry_after else {}
        return HTMLResponse(body, status_code=error.status, headers=headers)

    def _said(self, error: ApiError, inside: bool, language: str) -> tuple[str, str]:
        words = self._texts.get(language, {})
        if not inside and error.code == "not_found":
            return words["error.title.not_found"], words["error.not_found"]
        return TITLES.get(error.code, "That did not work"), f"{str(error)[:1].upper()}{str(error)[1:]}."

    def _language(self, accepted: str) -> str:
        """The first language that the browser wants and the study has, else the study's first."""
        wishes = [part.partition(";")[0].strip()[:2].lower() for part in accepted.split(",")]
        return next((wish for wish in wishes if wish in self._texts), next(iter(self._texts)))


def _by_a_person(request: Request) -> bool:
    return "text/html" in request.headers.get("accept", "") and not request.scope["path"].startswith(PROGRAMS)
