"""Small parts of the page: what stands everywhere in the same form."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from agent.report.bounds import Names
from agent.report.markup import Html, element, joined
from agent.report.story import Cut, Picture
from agent.report.words import plural

# how a line of a diff begins, and what it is then; the first that fits counts
_KINDS = (
    (("+++", "---", "@@", "diff ", "index "), "hunk"),
    (("+",), "added"),
    (("-",), "removed"),
)


def code(text: str) -> Html:
    """Return a name, a path or a command within words."""
    return element("code", text)


def said(text: str) -> Html:
    """Return what somebody wrote, with its lines as they are."""
    return element("p", text, class_="said")


def block(text: str, label: str) -> Html:
    """Return long text, which scrolls within itself; by the keyboard too."""
    return scrolls("pre", label, element("code", text))


def diff(text: str, label: str) -> Html:
    """Return a diff: its signs say what its colours do."""
    lines = text.removesuffix("\n").split("\n")
    return scrolls("pre", label, element("code", map(_line, lines)))


def _line(line: str) -> Html:
    for begins, kind in _KINDS:
        if line.startswith(begins):
            return element("span", line or " ", class_=kind)
    return element("span", line or " ")


def scrolls(name: str, label: str, *content: object, class_: str = "") -> Html:
    """Return an element that scrolls within itself, by the keyboard too."""
    named = {"tabindex": "0", "aria-label": label}
    return element(name, *content, role="group", class_=class_, attributes=named)


def opens(head: object, *content: object) -> Html:
    """Return what is only seen once it is opened."""
    return element("details", element("summary", head), content)


def facts(pairs: Iterable[tuple[str, object]]) -> Html:
    """Return names with their values; one without a value is left out."""
    rows = [joined(element("dt", name), element("dd", told)) for name, told in pairs if told]
    return element("dl", rows, class_="facts")


def table(
    caption: str,
    heads: Sequence[str],
    rows: Iterable[Sequence[object]],
    numbers: int | Sequence[bool] = 0,
) -> Html:
    """Return a table; the last `numbers` columns are of numbers, or those of which it says so."""
    if isinstance(numbers, int):
        numbers = [place >= len(heads) - numbers for place in range(len(heads))]
    kinds = ["number" if number else "" for number in numbers]
    head = [
        element("th", name, scope="col", class_=kind)
        for name, kind in zip(heads, kinds, strict=True)
    ]
    body = [
        element(
            "tr",
            [element("td", told, class_=kind) for told, kind in zip(row, kinds, strict=True)],
        )
        for row in rows
    ]
    whole = element(
        "table",
        element("caption", caption),
        element("thead", element("tr", head)),
        element("tbody", body),
    )
    many = len(heads) > 4  # would be too narrow to read on a phone, and scroll instead
    return scrolls("div", caption, whole, class_="wide many" if many else "wide")


def listed(names: Names, noun: str) -> Html | None:
    """Return names as a list, and how many more there are."""
    if not names.items:
        return None
    items = [element("li", code(name)) for name in names.items]
    if names.left_out:
        items.append(element("li", f"and {names.left_out:,} more {noun}", class_="quiet"))
    return element("ul", items)


def toned(sign: str, tone: str, told: object) -> Html:
    """Return words with their sign, in their colour; the words say the same."""
    hidden = element("span", sign, attributes={"aria-hidden": "true"})
    return element("span", hidden, " ", told, class_=tone)


def with_gap(items: Sequence[Html], cut: Cut, noun: str, name: str = "li") -> list[Html]:
    """Return items with a word about those that are missing, where they are."""
    behind, missing = cut
    if not missing:
        return list(items)
    told = element(name, f"… {plural(missing, noun)} left out here …", class_="quiet")
    return [*items[:behind], told, *items[behind:]]


def pictures(each: Sequence[Picture]) -> list[Html]:
    """Return the pictures of a prompt; one that is not there is named."""
    return [_picture(number, one) for number, one in enumerate(each, 1)]


def _picture(number: int, one: Picture) -> Html:
    what = f"picture {number} of the prompt, {one.media_type}, {one.bytes:,} bytes"
    if not one.data:
        return element("p", f"[{what}, left out]", class_="quiet")
    return element("p", element("img", src=f"data:{one.media_type};base64,{one.data}", alt=what))
