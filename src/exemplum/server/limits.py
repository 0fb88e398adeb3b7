"""Rate limits: a bucket of requests for each caller that refills steadily."""

from __future__ import annotations

import time
from collections import OrderedDict
from dataclasses import dataclass

from exemplum.server.errors import ApiError

MOST_CALLERS = 20_000  # beyond, the one not seen for longest is forgotten


@dataclass(frozen=True)
class Limit:
    """`burst` requests at once, and `rate` a second on and on."""

    rate: float
    burst: int


# By address: a whole laboratory or university may come from one. By session: one person.
STARTS = Limit(2.0, 200)
UNKNOWN = Limit(0.5, 60)  # requests with a wrong token or image name: guessing
STRANGER = Limit(0.2, 10)  # wrong tokens of the experimenter's pages
PUBLIC = Limit(20.0, 400)  # config and texts
ANSWERS = Limit(5.0, 40)
STEPS = Limit(5.0, 60)
EVENTS = Limit(2.0, 60)


class Buckets:
    """Counts requests in this process; several processes allow several times as many."""

    def __init__(self, enabled: bool = True) -> None:
        self._enabled = enabled
        self._held: OrderedDict[tuple[Limit, str], tuple[float, float]] = OrderedDict()

    def take(self, limit: Limit, caller: str) -> None:
        """Count a request. Raises ApiError rate_limited, with the seconds to wait, when the bucket is empty."""
        if not self._enabled:
            return
        now = time.monotonic()
        left, at = self._held.pop((limit, caller), (float(limit.burst), now))
        left = min(limit.burst, left + (now - at) * limit.rate)
        self._held[limit, caller] = (max(left - 1, 0.0), now)
        while len(self._held) > MOST_CALLERS:
            self._held.popitem(last=False)
        if left < 1:
            error = ApiError("rate_limited", "too many requests; wait a little")
            error.retry_after = max(1, round((1 - left) / limit.rate))
            raise error
