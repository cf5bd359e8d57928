"""A page as text: its headings, links, lists, tables and code, and nothing of its looks.

Run as `python -I -S -c SOURCE` within the sandbox, so that a page that is made to be slow to read
holds up nobody: a JSON line on standard input (`kind`, `charset`, `base`), then the page. It writes
UTF-8.
"""

import codecs
import json
import re
import sys
from html.parser import HTMLParser
from urllib.parse import urljoin

UNREAD = {"script", "style", "noscript", "template", "svg", "math", "nav", "iframe", "object"}
UNREAD |= {"select", "button", "canvas", "audio", "video", "dialog"}
BLOCKS = {"p", "div", "section", "article", "main", "header", "footer", "aside", "blockquote"}
BLOCKS |= {"figure", "figcaption", "form", "fieldset", "address", "details", "summary", "dl", "dd"}
BLOCKS |= {
    "dt",
    "ul",
    "ol",
    "table",
    "caption",
    "thead",
    "tbody",
    "tfoot",
    "body",
    "html",
    "center",
}
HEADINGS = {f"h{level}": "#" * level for level in range(1, 7)}
CHARSET = re.compile(rb"""<meta[^>]{0,200}charset\s*=\s*["']?\s*([\w.:-]+)""", re.IGNORECASE)


class Page(HTMLParser):
    """Writes the text of a page into `out` as it goes."""

    def __init__(self, base: str) -> None:
        super().__init__(convert_charrefs=True)
        self.base = base
        self.out: list[str] = []
        self.title = ""
        self.unread = ""  # the element that is left out, and how many of it are open
        self.depth = 0
        self.pre = 0
        self.lists: list[int | None] = []  # the number of the last item; None where they have none
        self.cells = 0
        self.links: list[tuple[str, int]] = []  # where each leads, and where its text begins
        self.in_title = False

    # -- what the parser calls

    def handle_starttag(self, tag: str, attributes: list[tuple[str, str | None]]) -> None:
        """Begin an element."""
        given = dict(attributes)
        if self.unread:
            self.depth += tag == self.unread
        elif tag in UNREAD:
            self.unread, self.depth = tag, 1
        elif tag == "title":
            self.in_title = not self.title
        elif tag == "a":
            self.links.append((given.get("href") or "", len(self.out)))
        elif tag in HEADINGS:
            self.line(2)
            self.out.append(f"{HEADINGS[tag]} ")
        elif tag == "pre":
            self.line(2)
            self.out.append("```\n")
            self.pre += 1
        elif tag == "code" and not self.pre:
            self.out.append("`")
        elif tag in ("ul", "ol"):
            self.line(1 if self.lists else 2)
            self.lists.append(0 if tag == "ol" else None)
        elif tag == "li":
            self.item()
        elif tag == "tr":
            self.line(1)
            self.cells = 0
        elif tag in ("td", "th"):
            if self.cells:
                self.out.append(" | ")
            self.cells += 1
        elif tag == "br":
            self.out.append("\n")
        elif tag == "hr":
            self.line(2)
            self.out.append("---")
            self.line(2)
        elif tag == "img" and (given.get("alt") or "").strip():
            self.text(f"[image: {given['alt']}]")
        elif tag in BLOCKS:
            self.line(2 if tag == "p" else 1)

    def handle_endtag(self, tag: str) -> None:
        """End an element."""
        if self.unread:
            self.depth -= tag == self.unread
            if not self.depth:
                self.unread = ""
        elif tag == "title":
            self.in_title = False
        elif tag == "a" and self.links:
            self.link(*self.links.pop())
        elif tag in HEADINGS:
            self.line(2)
        elif tag == "pre" and self.pre:
            self.pre -= 1
            self.line(1)
            self.out.append("```")
            self.line(2)
        elif tag == "code" and not self.pre:
            self.out.append("`")
        elif tag in ("ul", "ol"):
            if self.lists:
                self.lists.pop()
            self.line(1 if self.lists else 2)
        elif tag in BLOCKS:
            self.line(2 if tag in ("p", "table") else 1)

    def handle_data(self, data: str) -> None:
        """Take text."""
        if self.in_title:
            self.title += data
        elif not self.unread:
            self.text(data)

    # -- what it becomes

    def text(self, data: str) -> None:
        """Add text; outside of code its spaces mean one."""
        if self.pre:
            self.out.append(data)
            return
        words = re.sub(r"[ \t\r\n\f\xa0]+", " ", data)
        before = self.out[-1][-1:] if self.out else "\n"
        if before in ("\n", " "):
            words = words.lstrip(" ")
        if words:
            self.out.append(words)

    def line(self, breaks: int) -> None:
        """End the line, with an empty one behind it where two breaks are asked for."""
        end = "".join(self.out[-3:])
        there = len(end) - len(end.rstrip("\n"))
        if self.out:
            self.out.append("\n" * max(0, breaks - there))

    def item(self) -> None:
        """Begin an item of a list."""
        self.line(1)
        mark = "-"
        if self.lists and self.lists[-1] is not None:
            self.lists[-1] += 1
            mark = f"{self.lists[-1]}."
        self.out.append("  " * max(0, len(self.lists) - 1) + f"{mark} ")

    def link(self, target: str, start: int) -> None:
        """Write where the text since `start` leads."""
        said = "".join(self.out[start:])
        text = said.strip()
        try:
            whole = urljoin(self.base, target.strip())
        except ValueError:
            return
        if not text or target.startswith("#") or not whole.startswith(("http://", "https://")):
            return
        if self.pre or "\n" in text:
            return
        before = said[: len(said) - len(said.lstrip())]
        after = " " if said[-1:] == " " else ""
        self.out[start:] = [f"{before}[{text}]({whole}){after}"]


def decoded(data: bytes, charset: str, html: bool) -> str:
    """Decode as the page says; else as UTF-8, and what is none as what old pages are."""
    for mark, name in (
        (codecs.BOM_UTF8, "utf-8-sig"),
        (b"\xff\xfe", "utf-16"),
        (b"\xfe\xff", "utf-16"),
    ):
        if data.startswith(mark):
            return data.decode(name, "replace")
    if not charset and html and (found := CHARSET.search(data[:4096])):
        charset = found[1].decode("ascii", "replace")
    for name in (charset, "utf-8"):
        try:
            # what is called Latin-1 is Windows' form of it, as browsers know
            known = codecs.lookup(name).name if name else "utf-8"
            return data.decode("cp1252" if known == "iso8859-1" else known)
        except (LookupError, UnicodeDecodeError):
            continue
    return data.decode("cp1252", "replace")


def readable(text: str, base: str) -> str:
    """Return the text of a page."""
    page = Page(base)
    page.feed(text)
    page.close()
    lines = [line.rstrip() for line in "".join(page.out).split("\n")]
    body = re.sub(r"\n{3,}", "\n\n", "\n".join(lines)).strip("\n")
    title = " ".join(page.title.split())
    return f"{title}\n\n{body}" if title and not body.startswith(f"# {title}") else body


def main() -> None:
    """Read the page, and write its text."""
    head, _, data = sys.stdin.buffer.read().partition(b"\n")
    orders = json.loads(head)
    html = orders["kind"] == "html"
    text = decoded(data, orders["charset"], html).replace("\r\n", "\n")
    if html:
        text = readable(text, orders["base"])
    sys.stdout.buffer.write(text.encode("utf-8", "replace"))


main()
