"""The table of secrets that are known by their form alone: keys of providers, tokens, key blocks.

Each form is looked for only where one of its anchors stands in the text, so a text without any
costs a search of substrings. A form must never fit a hash, a UUID or a lock file; what is shaped
like a secret but plainly is an example stays.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache


@dataclass(frozen=True, slots=True)
class Form:
    """A kind of secret: what it begins with, and the pattern from there on.

    The group `s` of the pattern, or else all of it, is the secret. Where the form `leads`, what it
    begins with stands before the secret, perhaps with spaces in between.
    """

    name: str
    anchors: tuple[str, ...]
    pattern: str
    leads: bool = False


def _form(name: str, anchors: str, pattern: str, *, leads: bool = False) -> Form:
    return Form(name, tuple(anchors.split()), pattern, leads)


# what a key block may hold: base64, headers, and what prints of it put around its lines
_BODY = r"(?:[A-Za-z0-9+/=\s\"'`,|>:.\\]|-(?!-))"
_BESIDE = r"(?:\\[nr]|\d{1,5}\||[\s\"'`,|>+-])"
_BLOCK = r"(?:[A-Z0-9]+ )*PRIVATE KEY(?: BLOCK)?-----"

FORMS: tuple[Form, ...] = (
    _form("OpenAI key", "sk-", r"sk-(?:proj|svcacct|admin|service)-[\w-]{20,512}"),
    _form("OpenAI key", "sk-", r"sk-[A-Za-z0-9]{20}T3BlbkFJ[A-Za-z0-9]{20}\b"),
    _form("Anthropic key", "sk-ant-", r"sk-ant-[a-z0-9]{2,12}-[\w-]{32,512}"),
    _form("OpenRouter key", "sk-or-", r"sk-or-v1-[0-9a-f]{48,128}\b"),
    _form("API key", "sk-", r"sk-(?=[A-Za-z]*\d)(?=\d*[A-Za-z])[A-Za-z0-9]{32,64}(?![\w-])"),
    _form("Groq key", "gsk_", r"gsk_[A-Za-z0-9]{40,64}\b"),
    _form("xAI key", "xai-", r"xai-[A-Za-z0-9]{64,128}\b"),
    _form("Hugging Face token", "hf_", r"hf_[A-Za-z]{34,40}\b"),
    _form("Google key", "AIza", r"AIza[\w-]{35}(?![\w-])"),
    _form("Google secret", "GOCSPX-", r"GOCSPX-[\w-]{28}(?![\w-])"),
    _form("Google token", "ya29.", r"ya29\.[\w-]{40,1024}"),
    _form("Perplexity key", "pplx-", r"pplx-[A-Za-z0-9]{40,64}\b"),
    _form("NVIDIA key", "nvapi-", r"nvapi-[\w-]{60,80}(?![\w-])"),
    _form("Replicate token", "r8_", r"r8_[A-Za-z0-9]{37}\b"),
    _form(
        "AWS key id", "AKIA ASIA", r"A[KS]IA(?![0-9A-Z]{9}EXAMPLE)[0-9A-Z]{16}(?![A-Za-z0-9+/=_])"
    ),
    _form(
        "AWS secret key",
        "ecret_access_key ecretAccessKey ECRET_ACCESS_KEY",
        r"\w{16,24}[\"']?\s{0,4}[:=]\s{0,4}[\"']?"
        r"(?P<s>(?![A-Za-z0-9/+]{30}EXAMPLEKEY)[A-Za-z0-9/+]{40})(?![\w+/=])",
        leads=True,
    ),
    _form("GitHub token", "ghp_ gho_ ghu_ ghs_ ghr_", r"gh._[A-Za-z0-9]{36,255}\b"),
    _form("GitHub token", "github_pat_", r"github_pat_[A-Za-z0-9]{22}_[A-Za-z0-9]{59}\b"),
    _form(
        "GitLab token",
        "glpat- glrt- gldt- glcbt- glptt- gloas-",
        r"gl[a-z]+-[\w-]{20,128}(?:\.[\w.]{2,32})?",
    ),
    _form("Slack token", "xox", r"xox[abeoprs](?:\.xox[bp])?-(?:\d\w*-){1,4}[A-Za-z0-9]{16,255}"),
    _form("Slack token", "xapp-", r"xapp-\d-[A-Z0-9]{8,32}-\d+-[0-9a-f]{32,255}"),
    _form(
        "Slack webhook",
        "hooks.slack.com/",
        r"[\w.]+/(?:services|workflows)/(?P<s>T[A-Z0-9]{6,32}/[AB][A-Z0-9]{6,32}/\w{16,64})",
        leads=True,
    ),
    _form("Stripe key", "sk_live_ rk_live_", r"[rs]k_live_[A-Za-z0-9]{20,255}\b"),
    _form("npm token", "npm_", r"npm_(?=[A-Za-z]*\d)[A-Za-z0-9]{36}\b"),
    _form("PyPI token", "pypi-AgE", r"pypi-AgE[\w-]{60,512}"),
    _form("SendGrid key", "SG.", r"SG\.[\w-]{22}\.[\w-]{43}(?![\w-])"),
    _form("DigitalOcean token", "dop_v1_ doo_v1_ dor_v1_", r"do._v1_[0-9a-f]{64}\b"),
    _form("Azure storage key", "AccountKey=", r"AccountKey=(?P<s>[A-Za-z0-9+/]{86}==)", leads=True),
    _form("age key", "AGE-SECRET-KEY-1", r"AGE-SECRET-KEY-1[0-9A-Z]{58}\b"),
    _form("Telegram token", ":AA", r":(?<=\d{8}:)(?P<s>AA[\w-]{33})(?![\w-])", leads=True),
    _form("JWT", "eyJ", r"eyJ[\w-]{10,8192}={0,2}\.eyJ[\w-]{10,16384}={0,2}\.[\w-]{16,2048}"),
    _form(
        "credentials",
        "uthorization UTHORIZATION",
        r"(?i:uthorization)[\"']?\s{0,4}[:=]\s{0,4}[\"']?(?i:bearer|basic|token)\s{1,4}"
        r"(?P<s>(?=[\w.~+/-]*\d)[\w.~+/-]{16,4096}={0,2})",
        leads=True,
    ),
    _form(
        "password",
        "://",
        r"://[^\s/:@\"'<>`?#,]{0,128}:(?P<s>[^\s/@\"'<>`,]{3,256})@(?=[\w\[])",
        leads=True,
    ),
    _form(
        "private key",
        "-----BEGIN",
        # to its end; or, where that was cut away, as far as there are lines of it
        rf"-----BEGIN {_BLOCK}(?=[\s\S]{{0,300}}?[A-Za-z0-9+/]{{40}})"
        rf"(?:{_BODY}{{40,20000}}-----END {_BLOCK}|(?:{_BESIDE}{{0,16}}[A-Za-z0-9+/=]{{16,}})+)",
        leads=True,
    ),
)
LEADING = tuple({anchor: "" for form in FORMS if form.leads for anchor in form.anchors})
_INNER = tuple({anchor: "" for form in FORMS if not form.leads for anchor in form.anchors})
ANCHORS = LEADING + _INNER


# what stands in examples, and in code that puts a secret in its place
_PLACE = re.compile(r"[${}<>*]|%[sd(]|\.\.\.|…|\A[xX.*_-]+\Z|[xX]{8}")
_NUMBER = re.compile(r"[-+]?[\d.,:_ -]+")
_PATH = re.compile(r"(?:~|\.{0,2}/|file:|[A-Za-z]:\\)\S*")
_ADDRESS = re.compile(r"[^\s@:/]+@[\w-]+(\.[\w-]+)+|[a-z][a-z0-9+.-]*://[^\s@]*")
_EXAMPLE = re.compile(r"example|placeholder|changeme|your[-_]|dummy|redacted", re.IGNORECASE)


def is_plain(value: str) -> bool:
    """Whether a value is too plain to be a secret: a word, a number, a path, an example."""
    bare = value.strip()
    if len(bare) < 16 and bare.replace("-", "").replace("_", "").replace(" ", "").isalpha():
        return bare == bare.lower() or bare == bare.upper() or bare == bare.capitalize()
    return bool(
        _NUMBER.fullmatch(bare)
        or _PATH.fullmatch(bare)
        or _ADDRESS.fullmatch(bare)
        or _PLACE.search(bare)
        or _EXAMPLE.search(bare)
    )


RUN = 16  # characters of a word at least, to be taken for a possible secret
_WORDS = bytes(97 if chr(each).isalnum() or chr(each) in "_-." else 32 for each in range(128))
_FLAT = _WORDS + b" " * 128


def long_words(text: str) -> str:
    """Return the long words of a text, a line each: nearly all that could be a secret.

    It is a tenth of most texts, and to search it is as much cheaper.
    """
    if len(text) < 1 << 9:
        return text
    data = text.encode("utf-8", "replace")
    flat, run = data.translate(_FLAT), b"a" * RUN
    words, at = [], flat.find(run)
    while at >= 0:
        end = flat.find(b" ", at)
        end = len(flat) if end < 0 else end
        words.append(data[at:end])
        at = flat.find(run, end)
    return b"\n".join(words).decode()


def found(text: str, words: str) -> Iterator[tuple[int, int, str]]:
    """Yield where something in a text has the form of a secret, and what it is called.

    `words` are its `long_words`.
    """
    # searches for substrings, and patterns only there: a regex alone would look at every letter
    here = {each for each in LEADING if each in text} | {each for each in _INNER if each in words}
    for form in FORMS if here else ():
        for anchor in here.intersection(form.anchors):
            at = text.find(anchor)
            while at >= 0:
                if span := _at(form, text, at):
                    yield *span, form.name
                at = text.find(anchor, at + len(anchor))


@cache
def _compiled(pattern: str) -> re.Pattern[str]:
    return re.compile(pattern)


def _at(form: Form, text: str, at: int) -> tuple[int, int] | None:
    if not form.leads and at and (text[at - 1].isalnum() or text[at - 1] == "_"):
        return None  # the middle of a word
    pattern = _compiled(form.pattern)
    match = pattern.match(text, at)
    if match is None:
        return None
    group = "s" if pattern.groupindex else 0
    return None if group and is_plain(match[group]) else match.span(group)
