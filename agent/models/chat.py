"""From a conversation to tokens, by the chat template that the model's file brings.

The template is never asked for the whole conversation. It renders the opening once, and between
two replies only the fragment that lies between them; what the model sampled stays as it was
sampled. So the prompt of a request always starts with the prompt and the reply before it, token
for token, whatever the template does to old messages.

Only what the template itself wrote may become control tokens. Words of users, files and tools are
tokenised as plain text, so a file that contains `<|im_end|>` cannot end a message.

Runs in the child process: jinja2 comes with llama-cpp-python, not with Wisp.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, Literal

from jinja2 import TemplateError
from jinja2.sandbox import ImmutableSandboxedEnvironment

Tokenise = Callable[[str, bool], list[int]]

CHATML = (
    "{% for message in messages %}<|im_start|>{{ message['role'] }}\n"
    "{{ message['content'] }}<|im_end|>\n{% endfor %}"
    "{% if add_generation_prompt %}<|im_start|>assistant\n{% endif %}"
)

# a thought that a template has opened at the end of a prompt, and how it is closed again
_OPEN = re.compile(r"<think>\s*\Z")
_CLOSE, _CLOSED = "\n</think>\n\n", "</think>"

# private-use characters: no template trims or escapes them
_MARK = re.compile("\ue000([0-9]+)\ue001")


@dataclass(frozen=True, slots=True)
class Turn:
    """One message as the template sees it; `tokens` are a reply's sampled ids, where known."""

    role: Literal["system", "user", "assistant"]
    text: str
    tokens: tuple[int, ...] = ()


def _mark(index: int) -> str:
    return f"\ue000{index}\ue001"


class ChatTemplate:
    """A chat template and the tokeniser that goes with it."""

    def __init__(
        self,
        source: str,
        tokenise: Tokenise,
        bos: str = "",
        eos: str = "",
        opening: Sequence[int] = (),
    ) -> None:
        """Compile the template; one that cannot be compiled or used is replaced by ChatML.

        `opens` tells afterwards whether its prompts end inside of a thought.

        `opening` are the ids that the model wants before everything, unless the template writes
        the word `bos` itself.
        """
        self._tokenise = tokenise
        self._bos = bos
        self._eos = eos
        self._opening = list(opening)
        try:
            self._compile(source or CHATML)
        except TemplateError:
            self._compile(CHATML)

    def _compile(self, source: str) -> None:
        environment = ImmutableSandboxedEnvironment(
            trim_blocks=True, lstrip_blocks=True, extensions=["jinja2.ext.loopcontrols"]
        )
        environment.globals["raise_exception"] = _refuse
        environment.globals["strftime_now"] = lambda _format: ""
        self._template = environment.from_string(source)
        # a template that cannot do this much is of no use
        self.opens = bool(_OPEN.search(self._render(["user"])))
        try:
            self._takes_system = "0" in _MARK.findall(self._render(["system", "user"]))
        except TemplateError:
            self._takes_system = False

    def _render(self, roles: Sequence[str], **wishes: Any) -> str:
        messages: list[dict[str, Any]] = [
            {"role": role, "content": _mark(index)} for index, role in enumerate(roles)
        ]
        return self._template.render(
            messages=messages,
            add_generation_prompt=True,
            bos_token=self._bos,
            eos_token=self._eos,
            tools=None,
            **wishes,
        )

    def prompt(
        self, turns: Sequence[Turn], prefill: str = "", *, thinking: bool = True, level: str = ""
    ) -> list[int]:
        """Return the tokens of a request for the next reply, which starts with `prefill`.

        Turns of the same role that follow each other are joined; a system message is folded into
        the first user message where the template has no place for one. Without `thinking` no
        thought is open at the end; `level` is how much of it, for templates that ask (gpt-oss).
        """
        wishes: dict[str, Any] = {} if thinking else {"enable_thinking": False, "thinking": False}
        if level:
            wishes["reasoning_effort"] = level
        ids: list[int] = []
        between: list[Turn] = []
        previous: Turn | None = None
        for turn in [*turns, None]:
            if turn is not None and turn.role != "assistant":
                between.append(turn)
                continue
            ids += self._fragment(self._merged(between), wishes, after=previous is not None)
            between = []
            previous = turn
            if turn is not None:
                if not turn.tokens and thinking and self.opens and _CLOSED not in turn.text:
                    ids += self._tokenise(_CLOSE, True)  # another has written it
                ids += turn.tokens or self._tokenise(turn.text, False)
        return ids + self._tokenise(prefill, False)

    def _merged(self, turns: Sequence[Turn]) -> list[Turn]:
        merged: list[Turn] = []
        for turn in turns:
            role: Literal["system", "user"] = (
                "system" if turn.role == "system" and self._takes_system else "user"
            )
            if merged and merged[-1].role == role:
                merged[-1] = Turn(role, f"{merged[-1].text}\n\n{turn.text}")
            else:
                merged.append(Turn(role, turn.text))
        return merged

    def _fragment(self, turns: Sequence[Turn], wishes: dict[str, Any], *, after: bool) -> list[int]:
        """Return the tokens of messages, from the end of a reply (`after`) to the next one."""
        before = ["user", "assistant"] if after else []
        rendered = self._render([*before, *(turn.role for turn in turns)], **wishes)
        if after:
            rendered = rendered.split(_mark(1), 1)[1]
        ids: list[int] = []
        if not after and not (self._bos and rendered.startswith(self._bos)):
            ids += self._opening
        for index, part in enumerate(_MARK.split(rendered)):
            if index % 2 == 0:
                ids += self._tokenise(part, True)
            else:
                ids += self._tokenise(turns[int(part) - len(before)].text, False)
        if "enable_thinking" in wishes and _OPEN.search(rendered):
            ids += self._tokenise(_CLOSE, True)
        return ids


def _refuse(message: str) -> None:
    raise TemplateError(message)
