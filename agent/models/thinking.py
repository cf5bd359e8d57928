"""How much a model may think: what `--effort` means to each provider, and to a server here.

Of a model elsewhere the provider's own knob is turned, where it is known to have one. One on this
machine has a cap: who waits for it should not wait for ever.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from agent.models.dialects.channels import Channels

CAPS = (0, 512, 2048, 8192, 16384)  # tokens of thinking on this machine, by effort
LETTERS = 4  # to a token, about: a server counts only at the end
# by effort, the best first of those that the model has; nothing is the provider's own default
LEVELS: tuple[tuple[str, ...], ...] = (
    ("none", "minimal", "low"),
    ("low",),
    (),
    ("high",),
    ("max", "xhigh", "high"),
)
# tokens that litellm lets older models of Anthropic think for; they must fit the reply's limit
BUDGETS = {"low": 1024, "high": 4096, "max": 16384}
GPT_OSS = ("low", "low", "", "high", "high")  # it cannot do without
_ALWAYS = ("low", "high")
MORE = "--effort 3 lets it think for longer"


def knob(effort: int, about: Mapping[str, Any], name: str, most: int | None) -> dict[str, Any]:
    """Return what to say to a provider elsewhere of how long to think; empty for nothing.

    `about` is what litellm knows of the model, `most` the limit of the reply in tokens.
    """
    if not about.get("reasons"):
        return {}
    claude = "claude" in name.lower()
    if effort < 2 and (claude or about.get("default_effort") == "none"):
        return {}  # it does not think unless it is told to
    known: list[str] = about.get("efforts") or []
    levels = [each for each in LEVELS[effort] if each in known or each in _ALWAYS]
    if claude and not known:
        room = most or 0
        levels = [each for each in (*LEVELS[effort], *_ALWAYS) if BUDGETS.get(each, room) < room]
        levels = levels if LEVELS[effort] else []
    return {"reasoning_effort": levels[0]} if levels else {}


def here(effort: int, kind: str, name: str) -> dict[str, Any]:
    """Return what to say to a server on this machine; `kind` is empty where that is not known."""
    if "gpt-oss" in name.lower():
        return _gpt_oss(kind, GPT_OSS[effort])
    return off(kind, name) if effort == 0 and kind else {}


def off(kind: str, name: str) -> dict[str, Any]:
    """Return what to say to a server on this machine so that its model thinks the least."""
    if "gpt-oss" in name.lower():
        return _gpt_oss(kind, "low")
    if kind == "ollama":
        return {"think": False}
    # a variable of the chat template: of Qwen, GLM and others, of DeepSeek and Granite
    return {
        "extra_body": {"chat_template_kwargs": {"enable_thinking": False, "thinking": False}},
    }


def _gpt_oss(kind: str, level: str) -> dict[str, Any]:
    if not level:
        return {}
    if kind == "ollama":
        return {"think": level}
    told: dict[str, Any] = {"reasoning_effort": level}
    return {"extra_body": {**told, "chat_template_kwargs": told}}


def cap(effort: int, kind: str) -> int | None:
    """Return the tokens of thinking that a model on this machine may take; None for any number.

    One that was told not to think from the start is let go on, since no more can be done.
    """
    return None if effort == 0 and kind else CAPS[effort]


class TooLong(Exception):
    """A reply has been thinking for longer than it may."""


class Thought:
    """How long one reply has been thinking. A server may leave the marks of it in the text."""

    def __init__(self, cap: int | None) -> None:
        self._cap = cap
        self._letters = 0
        self._channels = Channels()

    @property
    def tokens(self) -> int:
        """About how many tokens of thinking have come."""
        return -(-self._letters // LETTERS)

    def feed(self, delta: Mapping[str, Any]) -> None:
        """Take in one delta; raises TooLong when that was too much."""
        self._letters += len(delta.get("reasoning") or "")
        for thinking, part in self._channels.feed(delta.get("text") or ""):
            self._letters += len(part) if thinking else 0
        if self._cap is not None and self.tokens > self._cap:
            raise TooLong(f"the model thought for more than {self._cap:,} tokens")
