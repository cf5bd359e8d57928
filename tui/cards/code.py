"""Code with colours by role; pygments is loaded when the first code is seen."""

from __future__ import annotations

from functools import cache, lru_cache
from typing import TYPE_CHECKING

from textual.content import Content, Span

if TYPE_CHECKING:
    from pygments.lexer import Lexer

_LONGEST = 60_000  # characters; more is shown without colours
# the names of kinds as pygments has them; a kind that is not here looks as the one around it
_ROLES = {
    "Keyword": "$accent",
    "Operator.Word": "$accent",
    "Name.Builtin": "$secondary",
    "Name.Function": "$primary",
    "Name.Class": "$primary",
    "Name.Decorator": "$secondary",
    "Name.Tag": "$primary",
    "Literal.String": "$success",
    "Literal.Number": "$warning",
    "Comment": "$text-muted italic",
    "Generic.Heading": "bold",
}


@lru_cache(maxsize=128)
def coloured(code: str, language: str = "", path: str = "") -> tuple[Content, ...]:
    """Return the lines of inert code, with colours where the language is known."""
    lexer = _lexer(language, path) if len(code) <= _LONGEST else None
    if lexer is None:
        return tuple(Content(line) for line in code.split("\n"))
    at = 0
    spans: list[Span] = []
    for kind, text in lexer.get_tokens(code):
        if style := _role(str(kind)):
            spans.append(Span(at, at + len(text), style))
        at += len(text)
    if at != len(code):  # a lexer that changes text shows something else than is there
        return tuple(Content(line) for line in code.split("\n"))
    return tuple(Content(code, spans).split("\n", allow_blank=True))


@cache
def _lexer(language: str, path: str) -> Lexer | None:
    from pygments.lexers import (
        get_lexer_by_name,
        get_lexer_for_filename,
    )
    from pygments.util import ClassNotFound

    options = {"stripnl": False, "ensurenl": False}
    try:
        if language:
            return get_lexer_by_name(language, **options)
        return get_lexer_for_filename(path, **options) if path else None
    except ClassNotFound:
        return None


@cache
def _role(kind: str) -> str:
    kind = kind.removeprefix("Token.")
    while kind:
        if kind in _ROLES:
            return _ROLES[kind]
        kind = kind.rpartition(".")[0]
    return ""
