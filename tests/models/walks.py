"""Random walks through a grammar of calls, and whether what a finished call names is there."""

from __future__ import annotations

from pathlib import Path
from random import Random

import numpy as np
from llguidance import LLTokenizer
from llguidance._tokenizer import TokenizerWrapper

from agent.models._matching import Compiled, Matcher, Words
from agent.models.toolcalls import parse
from sandbox.workspace import Workspace
from tools import registry
from tools.base import ToolCall

END = 256
TOOLS = registry.schemas()
PATIENCE = 120  # bytes, after which a walk takes the shortest way out


class _Bytes:
    """A vocabulary of single bytes, and an end."""

    eos_token_id = END
    bos_token_id = None
    tokens = (*(bytes([each]) for each in range(256)), b"<end>")
    special_token_ids = (END,)

    def __call__(self, text: bytes) -> list[int]:
        return list(text)


class Bytes:
    """Words of that vocabulary."""

    def __init__(self) -> None:
        self._compiled = Compiled(LLTokenizer(TokenizerWrapper(_Bytes())), END + 1)

    def matcher(self, grammar: str) -> Matcher:
        return self._compiled.matcher(grammar)

    def tokenise(self, text: str) -> list[int]:
        return list(text.encode())


def walk(words: Words, grammar: str, random: Random, begin: str = "") -> str:
    """Return a word of a grammar that begins so, each byte drawn of those that may come next."""
    matcher = words.matcher(grammar)
    written = bytearray(begin.encode())
    assert matcher.take(words.tokenise(begin)), begin
    while not matcher.complete:
        (may,) = np.nonzero(matcher.mask()[:END])
        closing = [byte for byte in _ways_out(written) if byte in may]
        hurry = len(written) > PATIENCE or random.random() < 0.2
        byte = closing[0] if closing and hurry else int(random.choice(may))
        written.append(byte)
        assert matcher.take([byte])
    return written.decode()


def _ways_out(written: bytes) -> bytes:
    """Return what ends a text that was written so far, the likeliest first."""
    if b"}\n" not in written and b"```" not in written:
        return b'"}]'
    return b"`" if written.endswith((b"\n", b"`")) else b"\n"


def beginning(tool: str, argument: str) -> str:
    """Return the start of a call up to what it names."""
    first = {"search": '"pattern": "x", ', "show": '"kind": "image", '}
    before = first.get(tool, "")
    opening = "[" if argument == "targets" else ""
    return f'{{"name": "{tool}", "arguments": {{{before}"{argument}": {opening}'


def called(text: str) -> ToolCall:
    """Return the one call that a text is; it must be one, without a problem."""
    reply = parse(text, TOOLS)
    assert not reply.problem, (text, reply.problem)
    assert not reply.text, text
    (call,) = reply.calls
    return call


def named(call: ToolCall) -> list[tuple[str, str]]:
    """Return what a call names of what is there, and of which kind it must be."""
    (schema,) = (each for each in TOOLS if each.name == call.name)
    found = []
    for argument, kind in schema.names.items():
        given = call.arguments.get(argument, [])
        found += [(kind, name) for name in ([given] if isinstance(given, str) else given)]
    return found


def is_there(root: Path, kind: str, name: str) -> bool:
    """Whether a name is one of something in the tree."""
    found = Workspace(root).kind(name)
    if kind == "test" and found == "missing":
        path, *_, test = name.split("::")
        text = (root / path).read_text()
        return f"def {test}(" in text or f"class {test}:" in text
    return found in (("file", "link") if kind == "file" else ("file", "link", "directory"))
