"""What a person allows beforehand: rules such as `shell[network]: npm install`.

A rule is a tool, in brackets what it may do beyond the workspace, and how its command must begin
(or to which host its address must lead). It is written in one form everywhere: on the command line,
in the file, in a reason, in the question to a person.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Self
from urllib.parse import urlsplit

from pydantic import model_validator

from tools.base import Effect, Frozen, ToolCall
from tools.plain import covered, plain_commands, plain_words, unfit

BEYOND = (Effect.NETWORK, Effect.OUTSIDE, Effect.DESTROY)
"""What a rule must name in its brackets."""
WITHIN = (Effect.READ, Effect.EDIT, Effect.EXECUTE)
# tools that are nothing without it; all others stay within the workspace by themselves
OWN = {"fetch": (Effect.NETWORK,), "escalate": (Effect.NETWORK,)}
TOOLS = ("read", "search", "edit", "write", "git", "check", "shell", "fetch")

_RULE = re.compile(r"(?P<tool>\w+)\s*(\[(?P<more>[^\]]*)\])?\s*(:(?P<rest>.*))?", re.DOTALL)
_HOST = re.compile(r"(\*\.)?[a-z0-9_-]+(\.[a-z0-9_-]+)*(:\d{1,5})?")
_PORTS = {"http": 80, "https": 443}


class Grant(Frozen):
    """An approval that the user chose to remember: `tool`, and how its command must begin.

    An empty `prefix` covers every call of the tool. Only calls whose effects are all among
    `effects` are covered: what was approved without the network does not get it. `examples` are
    commands that it must cover, `refuses` those that it must not; else it is invalid. `source` is
    where it was given.
    """

    tool: str
    prefix: tuple[str, ...] = ()
    effects: tuple[Effect, ...] = WITHIN
    examples: tuple[str, ...] = ()
    refuses: tuple[str, ...] = ()
    source: str = ""

    @classmethod
    def of(
        cls,
        rule: str,
        examples: Sequence[str] = (),
        refuses: Sequence[str] = (),
        source: str = "",
    ) -> Self:
        """Read a rule as a person writes it. Raises ValueError with one sentence."""
        found = _RULE.fullmatch(rule.strip())
        if found is None:
            raise ValueError(f"not a rule: {rule}")
        tool, rest = found["tool"], (found["rest"] or "").strip()
        if tool not in TOOLS:
            raise ValueError(f"a rule begins with a tool ({', '.join(TOOLS)}), not `{tool}`")
        named = _effects(found["more"] or "")
        if found["rest"] is not None and not rest:
            raise ValueError(f"nothing stands behind the colon of `{rule.strip()}`")
        effects = (*OWN.get(tool, WITHIN), *(each for each in BEYOND if each in named))
        return cls(
            tool=tool,
            prefix=_prefix(tool, rest),
            effects=tuple(dict.fromkeys(effects)),
            examples=tuple(examples),
            refuses=tuple(refuses),
            source=source,
        )

    @model_validator(mode="after")
    def _covers_its_examples(self) -> Self:
        for text in (*self.examples, *self.refuses):
            wanted = text in self.examples
            call = ToolCall(id="example", name=self.tool, arguments={ARGUMENT[self.tool]: text})
            if bool(covering((self,), call, frozenset(self.effects))) is not wanted:
                said = "does not cover its own example" if wanted else "covers what it must refuse:"
                raise ValueError(f"`{self}` {said} `{text}`")
        return self

    def begins(self, words: tuple[str, ...]) -> bool:
        """Whether a plain command begins so, with nothing behind that does more."""
        return covered(words, self.prefix, frozenset(self.effects))

    def leads_to(self, host: str) -> bool:
        """Whether the rule names this host; `*.` stands for every host below one."""
        named = self.prefix[0]
        return host.endswith(named[1:]) if named.startswith("*.") else host == named

    def __str__(self) -> str:
        own = OWN.get(self.tool, WITHIN)
        more = [each.lower() for each in self.effects if each not in own]
        what = f"[{','.join(more)}]" if more else ""
        return f"{self.tool}{what}" + (f": {_typed(self.prefix)}" if self.prefix else "")


ARGUMENT = {
    **dict.fromkeys((*TOOLS, "escalate"), "path"),
    **{"shell": "command", "fetch": "url", "search": "pattern", "git": "action"},
}
"""The argument of each tool that its words stand for, where a call is written like a rule."""


def covering(
    grants: Sequence[Grant], call: ToolCall, effects: frozenset[Effect]
) -> tuple[Grant, ...]:
    """Return the grants that cover the call together; none when any part of it is left over.

    A command of several plain ones is covered when each of them is; any other is not.
    """
    fit = [each for each in grants if each.tool == call.name and effects <= set(each.effects)]
    for grant in fit:
        if not grant.prefix:
            return (grant,)
    if not fit:
        return ()  # nothing is parsed for nothing
    given = call.arguments.get(ARGUMENT.get(call.name, ""))
    if not isinstance(given, str):
        return ()
    found: list[Grant | None] = []
    if call.name == "shell":
        for words in plain_commands(given):
            found.append(next((each for each in fit if each.begins(words)), None))
    elif call.name == "fetch" and (host := _host(given)):
        found.append(next((each for each in fit if each.leads_to(host)), None))
    whole = tuple(dict.fromkeys(each for each in found if each is not None))
    return whole if None not in found else ()


def offer(call: ToolCall, effects: frozenset[Effect]) -> Grant | None:
    """Return the narrowest rule that covers the call, for a person to remember, or None.

    None where there is no narrow one: several commands, paths outside.
    """
    if call.name not in TOOLS or Effect.OUTSIDE in effects:
        return None
    prefix: tuple[str, ...] = ()
    given = call.arguments.get(ARGUMENT[call.name])
    if call.name == "shell":
        prefix = plain_words(given) or () if isinstance(given, str) else ()
    elif call.name == "fetch":
        host = _host(given) if isinstance(given, str) else ""
        prefix = (host,) if host else ()
    if call.name in ("shell", "fetch") and not prefix:
        return None
    own = OWN.get(call.name, WITHIN)
    beyond = (each for each in BEYOND if each in effects and each not in own)
    grant = Grant(tool=call.name, prefix=prefix, effects=(*own, *beyond))
    # it must be readable again as what it is
    known = _again(grant) == grant and covering((grant,), call, effects)
    return grant if known else None


def _again(grant: Grant) -> Grant | None:
    try:
        return Grant.of(str(grant))
    except ValueError:
        return None


def _effects(words: str) -> set[Effect]:
    named = {each.strip().upper() for each in words.split(",")} - {""}
    if strange := named - set(BEYOND):
        known = ", ".join(each.lower() for each in BEYOND)
        raise ValueError(f"brackets name {known}, not `{min(strange).lower()}`")
    return {Effect(each) for each in named}


def _prefix(tool: str, rest: str) -> tuple[str, ...]:
    if not rest:
        return ()
    if tool == "shell":
        words = plain_words(rest)
        if not words:
            raise ValueError(f"`{rest}` is not one plain command; give a rule for each")
        if why := unfit(words):
            raise ValueError(why)
        return words
    if tool == "fetch":
        if not _HOST.fullmatch(rest.lower()):
            raise ValueError(f"`{rest}` is not a host, such as docs.python.org")
        return (rest.lower(),)
    raise ValueError(f"a rule for {tool} has nothing behind a colon")


def _host(url: str) -> str:
    """Return the host of an address, with a port that is not the usual one; empty if in doubt."""
    try:
        parts = urlsplit(url)
        port = parts.port
    except ValueError:
        return ""
    place = parts.netloc.lower()
    # no user, no backslash, no escape: what another reader of addresses might see differently
    if parts.scheme not in _PORTS or not _HOST.fullmatch(place) or not url.isprintable():
        return ""
    usual = port is None or port == _PORTS[parts.scheme]
    return place.partition(":")[0] if usual else place


def _typed(words: Sequence[str]) -> str:
    """Return words as they can be typed and read again."""
    return " ".join(
        word if re.fullmatch(r"[\w@%+=:,./*?-]+", word) else "'" + word.replace("'", "'\\''") + "'"
        for word in words
    )
