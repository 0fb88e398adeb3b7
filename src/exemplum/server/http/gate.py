"""What lets an experimenter in: a link with a token, which sets a cookie."""

from __future__ import annotations

import hmac
from dataclasses import dataclass

from fastapi import Request, Response
from fastapi.responses import RedirectResponse

from exemplum.server.http import middleware
from exemplum.server.http.middleware import Buckets
from exemplum.server.http.participant_routes import address
from exemplum.server.requests import ApiError

COOKIE = "exemplum_experimenter"  # with a hash: cookies of one host are shared by all its paths and ports
DAYS_30 = 30 * 86_400  # in seconds


@dataclass(frozen=True)
class Gate:
    """Lets those in who have the token, and knows them by the cookie afterwards."""

    token: str
    cookie: str  # its name
    proof: str  # its value
    buckets: Buckets
    link: str  # of what the refused are told to open: "the experimenter's link"

    def known(self, request: Request) -> None:
        """Raise ApiError for a request without the cookie."""
        if not hmac.compare_digest(request.cookies.get(self.cookie, "").encode(), self.proof.encode()):
            self.buckets.take(middleware.STRANGER, address(request))
            raise ApiError("forbidden", f"open {self.link} that exemplum serve printed")

    def enter(self, request: Request, token: str, query: str = "") -> Response:
        """Lead to the experimenter's pages and set the cookie. Raises ApiError without both token and cookie."""
        if not hmac.compare_digest(token.encode(), self.token.encode()):
            self.known(request)
        response = RedirectResponse(f"experimenter/{query}", status_code=303)
        secure = request.url.scheme == "https"
        response.set_cookie(self.cookie, self.proof, httponly=True, samesite="lax", secure=secure, max_age=DAYS_30)
        return response
