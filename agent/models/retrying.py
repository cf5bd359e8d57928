"""How often and how long a remote model is asked again, and how long its silence is borne.

Pure: the clock and chance are handed in, and nothing here waits.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from email.utils import parsedate_to_datetime

from agent.models.faults import Fault

Clock = Callable[[], float]


@dataclass(frozen=True, slots=True)
class Pace:
    """The times of a conversation with a server, in seconds.

    Waits grow from `base` to `cap`, each drawn between nothing and that. There are at most `tries`
    attempts, and none begins later than `within` after the first failure.
    """

    base: float = 1.0
    cap: float = 30.0
    tries: int = 6
    within: float = 180.0
    first: float = 120.0  # of silence before the first token
    first_local: float = 60.0  # where reading the prompt takes long, plus a second for each
    tokens_a_second: float = 50.0  # of the prompt
    between: float = 60.0  # of silence after it
    fruitless: float = 600.0  # without a token, whatever keeps the connection alive


class Retrying:
    """The attempts of one request. `attempt` is the number of the one under way."""

    def __init__(self, pace: Pace, clock: Clock, chance: Callable[[], float]) -> None:
        self.attempt = 1
        self._pace = pace
        self._clock = clock
        self._chance = chance
        self._failed: float | None = None  # when the first attempt did

    def wait(self, fault: Fault, now: datetime | None = None) -> float:
        """Return how many seconds to wait before the next attempt; raises the fault for none.

        What the provider asks for counts when it is longer; what is too long ends the attempts.
        """
        if fault.kind != "again":
            raise fault
        clock, pace = self._clock(), self._pace
        self._failed = clock if self._failed is None else self._failed
        if self.attempt >= pace.tries:
            raise Fault("again", f"{fault.reason}; {self.attempt} attempts failed")
        left = self._failed + pace.within - clock
        asked = asked_for(fault.retry_after, now)
        if asked > left:
            if self._failed == clock or asked > pace.within:
                raise Fault("again", f"{fault.reason}; it asks to wait {_until(asked, now)}")
            raise Fault("again", f"{fault.reason}; {self.attempt} attempts failed")
        most = min(pace.cap, pace.base * 2.0 ** (self.attempt - 1))
        seconds = max(asked, self._chance() * most)
        if seconds > left:
            raise Fault("again", f"{fault.reason}; {self.attempt} attempts failed")
        self.attempt += 1
        return seconds


def asked_for(retry_after: str, now: datetime | None = None) -> float:
    """Return the seconds that a `Retry-After` asks for: a number or a date; 0 for neither."""
    text = retry_after.strip()
    try:
        seconds = float(text)
    except ValueError:
        try:
            when = parsedate_to_datetime(text)
        except ValueError:
            return 0.0
        # without a zone it is Greenwich's, as HTTP has it
        when = when if when.tzinfo else when.replace(tzinfo=UTC)
        seconds = (when - (now or datetime.now(UTC))).total_seconds()
    return max(0.0, seconds) if seconds < float("inf") else 0.0


def _until(seconds: float, now: datetime | None) -> str:
    try:
        when = (now or datetime.now(UTC)).astimezone() + timedelta(seconds=seconds)
    except OverflowError:
        return f"{seconds:.0f} s"
    return f"until {when:%Y-%m-%d %H:%M:%S} ({seconds:.0f} s)"


class Patience:
    """How long the silence of one attempt is still borne."""

    def __init__(self, pace: Pace, clock: Clock, prompt: int, local: bool) -> None:
        self._pace = pace
        self._clock = clock
        self._first = pace.first_local + prompt / pace.tokens_a_second if local else pace.first
        self.begin()

    def begin(self) -> None:
        """Start counting: the request is sent now."""
        self._token = False
        self._byte_at = self._token_at = self._clock()

    def heard(self, token: bool) -> None:
        """Take in that something came: a token, or only a byte that keeps the connection alive."""
        self._byte_at = self._clock()
        if token:
            self._token, self._token_at = True, self._byte_at

    def left(self) -> float:
        """Return for how many seconds more to wait."""
        pace, now = self._pace, self._clock()
        silence = self._byte_at + self._silence
        fruitless = self._token_at + max(pace.fruitless, 0.0 if self._token else self._first)
        return max(0.0, min(silence, fruitless) - now)

    def over(self) -> Fault:
        """Return what it is when nothing is left."""
        now = self._clock()
        if now < self._byte_at + self._silence:
            return Fault("again", f"no token for {now - self._token_at:.0f} s, only signs of life")
        return Fault("again", f"no byte for {now - self._byte_at:.0f} s")

    @property
    def _silence(self) -> float:
        # a role or a ping tells nothing of how far the prompt is read
        return self._pace.between if self._token else self._first
