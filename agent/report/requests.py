"""What requests to a model used, one after the other; neighbours are joined where they are many."""

from __future__ import annotations

from agent.events import Base, Forked, HistoryCompacted, Sampled, Scored
from agent.messages import Usage
from agent.report.bounds import amount, count
from agent.report.story import Request, Used

MOST = 60  # that a chart shows side by side


class Requests:
    """Sums by request; `of_turn` is reset by who closes a turn."""

    def __init__(self) -> None:
        self.made = 0
        self.of_turn = Used()
        self._told: list[Request] = []
        self._joined = 1  # requests in one of them

    def read(self, event: Base) -> tuple[str, Used | None] | None:
        """Take in a request of a repair, or one that sums up.

        Returns what a repair asked for and, where that is known, what it used.
        """
        match event:
            case Sampled(texts=texts, usage=usage):
                what = "1 sample" if len(texts) == 1 else f"{len(texts):,} samples"
                self.add(what, usage)
                return what, used(usage)
            case Scored(scores=scores):
                return f"{len(scores):,} scores", None
            case Forked(forks=forks):
                return f"{len(forks):,} forks", None
            case HistoryCompacted(usage=usage) if usage != Usage():
                self.add("summing up", usage)
            case _:
                pass
        return None

    def add(self, what: str, usage: Usage) -> None:
        """Take in one request."""
        self.made += 1
        self.put(what, used(usage))

    def put(self, what: str, spent: Used) -> None:
        """Take in what was used, by one request or beside them."""
        self.of_turn += spent
        if self._told and self._size(self._told[-1]) < self._joined:
            self._told[-1] = _join(self._told[-1], Request(self.made, self.made, what, spent))
        else:
            self._told.append(Request(max(self.made, 1), max(self.made, 1), what, spent))
        if len(self._told) > MOST:
            self._joined *= 2
            pairs = zip(self._told[::2], [*self._told[1::2], None], strict=False)
            self._told = [_join(first, last) if last else first for first, last in pairs]

    def told(self) -> tuple[Request, ...]:
        """Return all of it, in at most MOST pieces."""
        return tuple(self._told)

    @staticmethod
    def _size(request: Request) -> int:
        return request.last - request.first + 1


def used(usage: Usage) -> Used:
    """Return the usage of a request by what was read anew."""
    cached = count(usage.cached)
    new = max(0, count(usage.input) - cached)
    return Used(new, cached, count(usage.output), amount(usage.cost))


def _join(first: Request, last: Request) -> Request:
    return Request(first.first, last.last, "", first.used + last.used)
