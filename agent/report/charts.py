"""Charts as SVG, in percentages across and pixels down: they fit any width, their words stay.

Each says in its title and description what it shows, and stands before a table of the same.
"""

from __future__ import annotations

from collections.abc import Sequence

from agent.report.markup import Html, element, joined
from agent.report.story import Request, Tried, Turn

_HEIGHT = 140  # pixels of the bars
_LANE = 26  # pixels of a verdict
_NARROWEST = 0.6  # percent of the width
SERIES = (("cached", "read before"), ("new", "read anew"), ("written", "written"))
VERDICTS = {
    "verified": "M-5 0L-1 5L6 -5",
    "failed": "M-5 -5L5 5M5 -5L-5 5",
    "regressed": "M-6 -4L6 -4L0 6Z",
    "flaky": "M0 -6L6 0L0 6L-6 0Z",
    "refused": "M-5 -5H5V5H-5Z",
    "not-run": "M-6 0H6",
    "cancelled": "M-5 5L5 -5",
    "": "M-1 -6V6M3 -6V6",
}
_FILLED = ("regressed", "flaky", "refused")


def verdict(name: str) -> str:
    """Return the word for a verdict."""
    return name or "open"


def sign(name: str) -> Html:
    """Return the sign of a verdict, beside its word."""
    inner = element("g", _mark(name), transform="translate(8 8)")
    return element("svg", inner, class_="key", viewBox="0 0 16 16", attributes=_HIDDEN)


def key(series: str) -> Html:
    """Return the sign of a series of tokens, beside its word."""
    inner = element("rect", class_=series, width="16", height="16")
    hatch = element("path", d=_HATCH, class_="hatch") if series == "cached" else None
    return element("svg", inner, hatch, class_="key", viewBox="0 0 16 16", attributes=_HIDDEN)


_HIDDEN = {"aria-hidden": "true"}
_HATCH = "M0 4H16M0 9H16M0 14H16"


def tokens(requests: Sequence[Request]) -> Html:
    """Draw what each request used, as a bar of three parts."""
    most = max((_all(each) for each in requests), default=0) or 1
    step = 100 / max(len(requests), 1)
    bars = [
        _bar(each, number * step + step * 0.1, step * 0.8, most)
        for number, each in enumerate(requests)
    ]
    rules = [
        element("line", class_="rule", x1="0", x2="100%", y1=str(y), y2=str(y))
        for y in (20, 20 + _HEIGHT // 2, 20 + _HEIGHT)
    ]
    top = element("text", f"{most:,} tokens", x="0", y="13")
    count = requests[-1].last if requests else 0
    about = f"{count:,} requests, the largest bar {most:,} tokens. The table below has the numbers."
    # lines across a bar, so that it is told apart without its colour
    hatch = element(
        "pattern",
        element("rect", width="6", height="6", class_="cached"),
        element("path", d="M0 3H6", class_="hatch"),
        id="hatch",
        width="6",
        height="6",
        patternUnits="userSpaceOnUse",
    )
    return framed("tokens", "Tokens of each request", about, _HEIGHT + 21, hatch, rules, top, bars)


def _bar(request: Request, left: float, wide: float, most: int) -> Html:
    below = 20.0 + _HEIGHT
    parts = []
    for series, _ in SERIES:
        amount: int = getattr(request.used, series)
        tall = amount / most * _HEIGHT
        if tall:
            tall = max(tall, 1.0)
            below -= tall
            filled = {"fill": "url(#hatch)"} if series == "cached" else {"class": series}
            place = {"x": _across(left), "width": _across(wide)}
            size = {"y": f"{below:.1f}", "height": f"{tall:.1f}"}
            parts.append(element("rect", attributes=place | size | filled))
    return joined(parts)


def _all(request: Request) -> int:
    used = request.used
    return used.new + used.cached + used.written


def attempts(turn: Turn) -> Html:
    """Draw when each attempt was made and what it came to, in a lane for each verdict."""
    lanes = [each for each in VERDICTS if any(one.verdict == each for one in turn.attempts)]
    long = max((one.at + one.seconds for one in turn.attempts), default=0.0)
    long = max(long, turn.seconds, 0.001)
    drawn = [
        _lane(lane, number, [one for one in turn.attempts if one.verdict == lane], long)
        for number, lane in enumerate(lanes)
    ]
    counted = ", ".join(f"{turn.verdicts.get(lane, 0)} {verdict(lane)}" for lane in lanes)
    about = f"Over {long:.1f} seconds: {counted}. The table below has each."
    name = f"attempts-{turn.number}"
    return framed(name, f"Attempts of turn {turn.number}", about, _LANE * len(lanes), drawn)


def _lane(name: str, number: int, tried: Sequence[Tried], long: float) -> Html:
    middle = number * _LANE + _LANE // 2
    shape = verdict(name)
    ground = element("rect", class_="lane", x="0", y=str(middle - 11), width="100%", height="22")
    drawn = []
    for one in tried:
        left = min(one.at / long, 1.0) * 96 + 2
        wide = max(min(one.seconds / long, 1.0) * 96, _NARROWEST)
        span = element(
            "rect",
            class_=f"span {shape}",
            x=_across(left),
            width=_across(min(wide, 100 - left)),
            y=str(middle - 8),
            height="16",
        )
        mark = element("svg", _mark(name), x=_across(left), y=str(middle), overflow="visible")
        drawn.append(joined(span, mark))
    return joined(ground, drawn)


def _mark(name: str) -> Html:
    hollow = "" if name in _FILLED else " hollow"
    return element(
        "path", d=VERDICTS.get(name, VERDICTS[""]), class_=f"mark {verdict(name)}{hollow}"
    )


def _across(percent: float) -> str:
    return f"{percent:.2f}%"


def framed(name: str, title: str, about: str, tall: int, *content: object) -> Html:
    """Return a chart, so many pixels tall, that says in words what it is about."""
    return element(
        "svg",
        element("title", title, id=f"{name}-title"),
        element("desc", about, id=f"{name}-about"),
        content,
        role="img",
        class_="chart",
        height=str(tall),
        attributes={"aria-labelledby": f"{name}-title {name}-about"},
    )
