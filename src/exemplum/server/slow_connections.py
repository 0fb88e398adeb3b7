"""Connections that send or read too slowly are closed: uvicorn itself waits for ever for the rest of a request."""

from __future__ import annotations

import asyncio

from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

RECEIVE_S = 30.0  # for a whole request, 64 KiB at most: a line of 20 kbit/s is fast enough
READ_S = 60.0  # for a client to take 48 KiB of a response
MOST_HEAD = 64 * 1024  # bytes of a request's line and headers


class TimedHttpProtocol(HttpToolsProtocol):
    """uvicorn's protocol with a time limit from the first byte of a request, or the connection's start, to its last."""

    receive_s, read_s = RECEIVE_S, READ_S
    _receiving: asyncio.TimerHandle | None = None
    _writing: asyncio.TimerHandle | None = None
    _head: int | None = 0  # bytes of a request's line and headers so far; None when they are complete

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        super().connection_made(transport)
        self._wait_for_request()

    def connection_lost(self, exc: Exception | None) -> None:
        self._request_is_whole()
        self.resume_writing()
        super().connection_lost(exc)

    def data_received(self, data: bytes) -> None:
        if self.cycle is None or self.cycle.response_complete:  # else the next request waits for this one's response
            self._wait_for_request()
        if self._head is not None:
            self._head += len(data)
            if self._head > MOST_HEAD:
                self.transport.abort()
                return
        super().data_received(data)

    def on_message_begin(self) -> None:
        super().on_message_begin()
        self._wait_for_request()

    def on_headers_complete(self) -> None:
        super().on_headers_complete()
        self._head = None

    def on_message_complete(self) -> None:
        self._request_is_whole()
        super().on_message_complete()

    def pause_writing(self) -> None:
        super().pause_writing()
        self._writing = self.loop.call_later(self.read_s, self.transport.abort)

    def resume_writing(self) -> None:
        if self._writing:
            self._writing.cancel()
            self._writing = None
        super().resume_writing()

    def _wait_for_request(self) -> None:
        if self._receiving is None:
            self._receiving = self.loop.call_later(self.receive_s, self._too_slow)

    def _request_is_whole(self) -> None:
        self._head = 0
        if self._receiving:
            self._receiving.cancel()
            self._receiving = None

    def _too_slow(self) -> None:
        self._receiving = None
        self.transport.abort()
