"""How far checks, commands and `fetch` reach, in the words of the user's settings.

It says what *can* be reached; whether a call *may* use the network is the policy's question still.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Self

from sandbox.reach import EVERYTHING, OFF, Reach

_WORDS = {"off": OFF, "all": EVERYTHING}


@dataclass(frozen=True, slots=True)
class NetworkRules:
    """The table `[network]`, or `off` for no network at all, whatever is asked for.

    `check` is what every check reaches. `fetch` is what `fetch` reaches beyond the public web.
    `commands` are the beginnings of plain commands: what it names of loopback such a command always
    reaches, and the rest once its network was asked for, in place of everything.
    """

    check: Reach = OFF
    fetch: Reach = OFF
    commands: tuple[tuple[str, Reach], ...] = ()
    off: bool = False

    @classmethod
    def of(cls, given: Any) -> Self:
        """Read what a settings file says. Raises ValueError with one sentence."""
        if isinstance(given, cls):
            return given
        if given == "off":
            return cls(off=True)
        if not isinstance(given, Mapping):
            raise ValueError("it is `off`, or a table of what a check or a command reaches")
        read = {" ".join(name.split()): _reach(name, value) for name, value in given.items()}
        check, fetch = read.pop("check", OFF), read.pop("fetch", OFF)
        if fetch.everything or fetch.names:
            raise ValueError(
                "fetch: the public web needs no listing; name addresses, such as 10.0.0.0/8, or"
                " loopback:8000"
            )
        if "" in read:
            raise ValueError("a command is empty")
        return cls(check, fetch, tuple(read.items()))

    def command(self, command: str) -> Reach | None:
        """Return what the longest beginning of a plain command says, or None where none does."""
        if not self.commands or self.off:
            return None
        from tools.plain import plain_words  # a parser, which most sessions do not need here

        words = plain_words(command) or ()
        fit = [
            (len(named), reach)
            for named, reach in ((name.split(), reach) for name, reach in self.commands)
            if list(words[: len(named)]) == named
        ]
        return max(fit, key=lambda each: each[0])[1] if fit else None

    def __str__(self) -> str:
        if self.off:
            return "off"
        own = (("check", self.check), ("fetch", self.fetch))
        named = (*((name, reach) for name, reach in own if reach), *self.commands)
        told = "; ".join(f"{name}: {reach}" for name, reach in named)
        return told or "as asked"


def _reach(name: str, value: Any) -> Reach:
    if isinstance(value, str) and value in _WORDS:
        return _WORDS[value]
    words = [value] if isinstance(value, str) else value
    if not isinstance(words, list) or not all(isinstance(word, str) for word in words):
        raise ValueError(f"{name}: it is off, loopback, all, or a list of hosts")
    try:
        return Reach.parse(words)
    except ValueError as error:
        raise ValueError(f"{name}: {error}") from error


AS_ASKED = NetworkRules()
