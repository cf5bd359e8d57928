"""When a remote model is asked again, and how long its silence is borne: clocks are handed in."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from agent.models.faults import Fault, Seen, classify
from agent.models.retrying import Pace, Patience, Retrying, asked_for

NOW = datetime(2026, 11, 22, 12, 0, 0, tzinfo=UTC)
BUSY = Fault("again", "busy")


class Time:
    def __init__(self) -> None:
        self.now = 100.0

    def __call__(self) -> float:
        return self.now


def waits(*faults: Fault, chance: float = 1.0, each: float = 0.0) -> list[float]:
    """Return the waits between attempts that fail like this, each after some seconds."""
    time = Time()
    retrying = Retrying(Pace(), time, lambda: chance)
    found = []
    for fault in faults:
        time.now += each
        found.append(retrying.wait(fault, NOW))
        time.now += found[-1]
    return found


def test_waits_double_up_to_a_cap_and_are_drawn_below_it() -> None:
    assert waits(*[BUSY] * 5) == [1, 2, 4, 8, 16]
    assert waits(*[BUSY] * 5, chance=0.5) == [0.5, 1, 2, 4, 8]
    retrying = Retrying(Pace(tries=20, within=1e6), Time(), lambda: 1.0)
    assert max(retrying.wait(BUSY) for _ in range(12)) == 30


def test_the_sixth_failure_is_the_last() -> None:
    with pytest.raises(Fault, match="busy; 6 attempts failed"):
        waits(*[BUSY] * 6)


def test_no_attempt_begins_three_minutes_after_the_first_failure() -> None:
    assert len(waits(BUSY, BUSY, each=100)) == 2
    with pytest.raises(Fault, match="busy; 3 attempts failed"):
        waits(BUSY, BUSY, BUSY, each=100)


def test_a_fault_that_stays_is_raised_as_it_is() -> None:
    bad = Fault("key", "401")
    with pytest.raises(Fault) as caught:
        waits(bad)
    assert caught.value is bad


def test_a_wait_that_is_asked_for_counts_when_it_is_longer() -> None:
    assert waits(Fault("again", "busy", "7")) == [7]
    assert waits(Fault("again", "busy", "0.1")) == [1]
    assert waits(Fault("again", "busy", "Sun, 22 Nov 2026 12:00:20 GMT")) == [20]


def test_a_wait_that_is_too_long_says_when_it_ends() -> None:
    with pytest.raises(Fault, match=r"asks to wait until 2026-11-22 .* \(3600 s\)"):
        waits(Fault("again", "busy", "3600"))


@pytest.mark.parametrize(
    ("text", "seconds"),
    [
        ("", 0), ("soon", 0), ("-5", 0), ("nan", 0), ("inf", 0), ("12", 12), ("1e3", 1000),
        ("Sun, 22 Nov 2026 12:01:00 GMT", 60), ("Sun, 22 Nov 2026 11:00:00 GMT", 0),
        ("Sun, 22 Nov 2026 12:01:00", 60), ("Sun, 99 Nov 2026 12:01:00 GMT", 0),
    ],
)  # fmt: skip
def test_both_forms_of_retry_after_are_read(text: str, seconds: float) -> None:
    assert asked_for(text, NOW) == seconds


@given(st.text(max_size=40))
def test_no_retry_after_breaks_anything(text: str) -> None:
    assert asked_for(text, NOW) >= 0


def test_the_first_token_is_waited_for_longer_where_the_prompt_is_read_here() -> None:
    time = Time()
    assert Patience(Pace(), time, prompt=5000, local=True).left() == 160
    assert Patience(Pace(), time, prompt=5000, local=False).left() == 120


def test_silence_after_a_token_is_borne_for_a_minute() -> None:
    time = Time()
    patience = Patience(Pace(), time, prompt=0, local=False)
    patience.heard(token=True)
    time.now += 59
    assert patience.left() == 1
    time.now += 2
    assert patience.left() == 0 and patience.over().reason == "no byte for 61 s"


def test_signs_of_life_without_a_token_count_for_ten_minutes() -> None:
    time = Time()
    patience = Patience(Pace(), time, prompt=0, local=False)
    waited = 0
    while patience.left() > 0:
        time.now += 15
        waited += 15
        patience.heard(token=False)
    assert waited == 600
    assert patience.over().reason == "no token for 600 s, only signs of life"


@pytest.mark.parametrize(
    ("seen", "kind"),
    [
        (Seen(error="APIConnectionError ConnectError gaierror", text="Name or service"), "again"),
        (Seen(error="InternalServerError ConnectTimeout", text="Connection error."), "again"),
        (Seen(error="APIConnectionError ReadError SSLError", text="EOF in handshake"), "again"),
        (Seen(error="X SSLCertVerificationError", text="CERTIFICATE_VERIFY_FAILED"), "refused"),
        (Seen(error="APIConnectionError ImportError", text="No module", sent=False), "refused"),
        (Seen(error="AuthenticationError", text="missing", sent=False), "key"),
        (Seen(200, error="MidStreamFallbackError", text="invalid_request_error: x"), "refused"),
        (Seen(200, error="MidStreamFallbackError", text="maximum context length"), "overflow"),
        (Seen(200, error="MidStreamFallbackError", text="api_error"), "again"),
        (Seen(429, body='{"error": {"code": "insufficient_quota", "message": "x"}}'), "credit"),
        (Seen(400, body='{"error": {"message": "Your credit balance is too low"}}'), "credit"),
        (Seen(418, body="<html>teapot</html>"), "refused"),
        (Seen(599), "again"),
    ],
)  # fmt: skip
def test_a_failure_means_what_the_table_says(seen: Seen, kind: str) -> None:
    assert classify(seen).kind == kind


@given(st.text(), st.integers(300, 599) | st.none() | st.just(200))
def test_whatever_a_server_says_becomes_one_line(body: str, status: int | None) -> None:
    fault = classify(Seen(status, body=body, text=body))
    assert "\n" not in fault.reason and 0 < len(fault.reason) < 400
