"""Markup that is ours, and text that is not: only what is `Html` stands in the page as it is.

Whatever is put together from strings in any other way is a `str` again, and is escaped: to forget
it shows on the page and does no harm.
"""

from __future__ import annotations

import html
from collections.abc import Iterable, Mapping

from agent.terminal import inert

_VOID = {"meta", "img", "br"}
_EMPTY: Mapping[str, str | int | bool] = {}


class Html(str):
    """Markup. Made of constants of ours, and by `element` and `joined`; nowhere else."""

    __slots__ = ()


def shown(text: str) -> Html:
    """Return text as markup that shows it, and what hides in it by its number."""
    return Html(html.escape(inert(text), quote=True))


def joined(*content: object) -> Html:
    """Return pieces of a page one after the other; what is not markup is shown as text.

    None is left out, and what can be gone through is gone through.
    """
    return Html("".join(_pieces(content)))


def element(
    name: str, /, *content: object, attributes: Mapping[str, str | int | bool] = _EMPTY, **more: str
) -> Html:
    """Return an element. An attribute that is True has no value, one that is False is left out.

    `more` are attributes too; `class_` is `class`. Names are ours; values may be any text.
    """
    given = {**{key.rstrip("_"): value for key, value in more.items()}, **attributes}
    words = [name]
    for key, value in given.items():
        if value is True:
            words.append(key)
        elif value is not False and value != "":
            words.append(f'{key}="{shown(str(value))}"')
    head = f"<{' '.join(words)}>"
    return Html(head if name in _VOID else f"{head}{joined(*content)}</{name}>")


def _pieces(content: Iterable[object]) -> Iterable[str]:
    for each in content:
        match each:
            case None:
                continue
            case Html():
                yield each
            case str():
                yield shown(each)
            case int() | float():
                yield str(each)
            case Iterable():
                yield from _pieces(each)
            case _:
                raise TypeError(f"not a part of a page: {each!r}")
