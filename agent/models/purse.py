"""What a remote model may cost, and what its requests have cost, in US dollars."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from agent.errors import BudgetSpent
from agent.messages import Usage


@dataclass
class Purse:
    """The account of one model: `most` is its limit, `free` says that it runs on this machine.

    `prices` are those of a token read and of one written; zeros where nobody knows them.
    """

    most: float | None
    free: bool
    prices: tuple[float, float] = (0.0, 0.0)
    spent: float = 0.0

    @property
    def known(self) -> bool:
        """Whether it is known what a request costs."""
        return self.free or any(self.prices)

    def afford(self) -> None:
        """Raise BudgetSpent for a request that the limit does not allow."""
        if self.most is not None and self.spent >= self.most:
            raise BudgetSpent(f"the limit of ${self.most:g} was reached")

    def told(self, used: Mapping[str, Any], bytes_out: int) -> Usage:
        """Pay for a request as the provider counted it."""
        cost = 0.0 if self.free else used["cost"]
        self.spent += cost
        return Usage(
            input=used["input"],
            cached=min(used["cached"], used["input"]),
            output=used["output"],
            cost=cost,
            bytes_out=bytes_out,
        )

    def guessed(self, size: int, characters: int, bytes_out: int) -> Usage:
        """Pay for a request that nobody counted: `size` tokens read, and what had been written.

        One that had not begun to be answered is not paid for.
        """
        if not characters:
            return Usage(bytes_out=bytes_out)
        written = characters // 3 + 1  # characters to a token, rather too few
        cost = 0.0 if self.free else size * self.prices[0] + written * self.prices[1]
        self.spent += cost
        return Usage(input=size, output=written, cost=cost, bytes_out=bytes_out)
