"""Secrets by value and by form: what is replaced, what never is, and in what spellings."""

from __future__ import annotations

import base64
import json
import textwrap
from itertools import pairwise
from pathlib import Path
from urllib.parse import quote, quote_plus

import pydantic
import pytest
from hypothesis import assume, example, given, settings
from hypothesis import strategies as st

from agent.flow import Flow
from agent.redaction import Redaction, mark
from agent.secret_forms import found, is_plain, long_words

# put together here, so that no scanner of this repository takes them for real ones
MIXED = "a1B2c3D4e5F6g7H8i9J0"
FORMED = {
    "OpenAI key": f"sk-proj-{MIXED}_{MIXED}",
    "Anthropic key": f"sk-ant-api03-{MIXED}-{MIXED}",
    "OpenRouter key": "sk-or-v1-" + "0a1b2c3d" * 8,
    "API key": "sk-" + "0a1b2c3d" * 4,
    "Groq key": f"gsk_{MIXED * 2}abcdefghijkl",
    "xAI key": "xai-" + MIXED * 4,
    "Hugging Face token": "hf_" + "aBcDeFgHiJ" * 3 + "kLmN",
    "Google key": f"AIza{MIXED}-_{MIXED[:13]}",
    "NVIDIA key": "nvapi-" + MIXED * 3 + "abcd",
    "AWS key id": "AKIA" + "Q7X2" * 4,
    "GitHub token": "ghp_" + MIXED + MIXED[:16],
    "GitLab token": "glpat-" + MIXED,
    "Slack token": "xoxb-123456789012-" + MIXED,
    "Stripe key": "sk_live_" + MIXED,
    "npm token": "npm_" + MIXED + MIXED[:16],
    "SendGrid key": f"SG.{MIXED}ab.{MIXED}{MIXED}abc",
    "DigitalOcean token": "dop_v1_" + "0a1b2c3d" * 8,
    "JWT": f"eyJ{MIXED}.eyJ{MIXED}.{MIXED}",
}
LEADING = {
    "AWS secret key": ("aws_secret_access_key = ", MIXED * 2),
    "credentials": ("Authorization: Bearer ", MIXED),
    "password": ("postgresql://app:", "hunter2"),
    "Slack webhook": ("https://hooks.slack.com/services/", f"T0A1B2C3D/B0A1B2C3D/{MIXED}"),
    "Azure storage key": ("AccountName=x;AccountKey=", MIXED * 4 + "abcdef=="),
    "Telegram token": ("bot 12345678:", "AA" + MIXED + MIXED[:13]),
}
LEFT = [
    "d41d8cd98f00b204e9800998ecf8427e",
    "6f1ed002ab5595859014ebf0951522d9a1b2c3d4e5f60718293a4b5c6d7e8f90",
    "123e4567-e89b-12d3-a456-426614174000",
    "sha512-9Xg2nIBE2bDnH1yGZEGDOaFZ3GLxEMFAYZEdAEuTCNkIlf6K2W3yFLkq6hVH0nQH2lmGGmEXyFWoA==",
    "golang.org/x/mod v0.6.0-dev.0.20220419223038-86c51ed26bb4/go.mod h1:jJ57K6gSWd91VN4djpZk=",
    "https://user:pass@host/path, http://username:password@proxy:3128",
    "postgres://$USER:$PASSWORD@db/x and mysql://{user}:{password}@{host}",
    "redis://:${REDIS_PASSWORD}@cache:6379, https://me:<token>@github.com/x",
    "AKIAIOSFODNN7EXAMPLE and wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY",
    'if line == "-----BEGIN RSA PRIVATE KEY-----": return',
    "-----BEGIN CERTIFICATE-----\nMIIB" + "A" * 60 + "\n-----END CERTIFICATE-----",
    "-----BEGIN PUBLIC KEY-----\nMIIB" + "A" * 60 + "\n-----END PUBLIC KEY-----",
    "task-management-for-everybody-in-the-office, disk-0123456789, risk-free",
    "Authorization: Bearer $TOKEN, authorization: basic <credentials>",
    "sk-... is how a key begins; sk-your-key-goes-here-as-you-know",
    "http://localhost:8000/@app.route, std::vector<int>::iterator, user@host:path/to",
    "eyJust a word. eyJs.eyJs.eyJs",
]


@pytest.mark.parametrize("name", FORMED)
@pytest.mark.parametrize("around", ["{}", 'key = "{}"', "a {}, b", "K={}\n", "({})."])
def test_what_has_the_form_of_a_secret_is_replaced(name: str, around: str) -> None:
    assert Redaction().text(around.format(FORMED[name])) == around.format(mark(name))


@pytest.mark.parametrize("name", LEADING)
def test_what_stands_before_a_secret_stays(name: str) -> None:
    lead, secret = LEADING[name]
    after = "@db/x" if name == "password" else '" and more'
    assert Redaction().text(f"{lead}{secret}{after}") == f"{lead}{mark(name)}{after}"


@pytest.mark.parametrize("text", LEFT)
def test_what_only_looks_so_is_left(text: str) -> None:
    assert Redaction().text(text) == text


def test_a_private_key_goes_as_a_block_however_it_is_printed() -> None:
    lines = [MIXED * 3] * 12
    begin, end = "-----BEGIN RSA PRIVATE KEY-----", "-----END RSA PRIVATE KEY-----"
    block = "\n".join([begin, *lines, end])
    for text in (
        block,
        block.replace("\n", "\\n"),
        textwrap.indent(block, "    "),
        textwrap.indent(block, "+"),
        block.replace(end, "and so on"),
    ):
        shown = Redaction().text(f"k = '{text}'\nnext")
        assert MIXED not in shown and mark("private key") in shown, shown
        assert shown.endswith("\nnext")


def test_the_sources_of_libraries_hold_nothing_that_is_taken_for_a_secret() -> None:
    taken, size = [], 0
    installed = Path(pydantic.__file__).parents[1]
    for package in ("pydantic", "hypothesis", "pip", "yaml", "ruff", "jsonschema"):
        for path in (installed / package).rglob("*.py"):
            text = path.read_text(encoding="utf-8", errors="replace")
            size += len(text)
            taken += [(path, name) for _, _, name in found(text, long_words(text))]
    assert size > 5_000_000
    assert taken == []


@pytest.mark.parametrize(
    ("value", "plain"),
    [
        *((each, True) for each in ("true", "postgres", "gnome-classic", "CHANGEME", "8080")),
        *((each, True) for each in ("/run/user/0/bus", "~/x", "a@b.org", "https://a.b/c", "3.14")),
        *((each, True) for each in ("${SECRET}", "<token>", "your-key-here", "xxxxxxxxxxxx")),
        *((each, False) for each in ("hunter2hunter2", "Tr0ub4dor&3", "correctHorse", MIXED)),
    ],
)
def test_plain_words_are_no_secrets(value: str, plain: bool) -> None:
    assert is_plain(value) is plain


SECRETS = st.text(st.characters(codec="utf-8"), min_size=8, max_size=60)
SIDES = st.text(st.characters(codec="ascii"), max_size=6)


@settings(deadline=None)
@given(SECRETS, SIDES, SIDES)
@example("p@ss w/ord+1", "a", "bc")
def test_a_known_value_is_found_in_every_spelling(value: str, before: str, after: str) -> None:
    redaction = Redaction({value: "DB"})
    whole = before + value + after
    spellings = {
        value: whole,
        quote(value, safe=""): quote(whole, safe=""),
        quote_plus(value): quote_plus(whole),
        json.dumps(value)[1:-1]: json.dumps(whole),
    }
    for spelt, text in spellings.items():
        shown = redaction.text(text)
        assert spelt not in shown.replace(mark("DB"), ""), (text, shown)
        assert "[redacted: " in shown
    coded = base64.b64encode(whole.encode()).decode()
    for text in (coded, coded.translate(str.maketrans("+/", "-_"))):
        assert mark("DB") in redaction.text(text)


@settings(deadline=None)
@given(st.text("abcdefghijklmnopqrstuvwxyzABCDEF0123456789", min_size=24, max_size=80), st.data())
def test_a_cut_leaves_little_of_a_long_value(value: str, data: st.DataObject) -> None:
    redaction = Redaction({value: "KEY"})
    kept = data.draw(st.integers(16, len(value)))
    for part in (value[:kept], value[-kept:]):
        shown = redaction.text(f"… {part} …")
        assert part not in shown and mark("KEY") in shown


def test_short_values_and_strange_names_do_no_harm() -> None:
    redaction = Redaction({"short": "A", "": "B", "long enough": "a]\n[b"})
    assert redaction.text("short, long enough") == "short, [redacted: a b]"


def test_a_mark_counts_only_where_it_stands_for_something() -> None:
    redaction = Redaction({"long enough": "KEY"})
    assert redaction.quoted({"a": ["x [redacted: KEY]"]}) == ""
    redaction.text("it is long enough")
    assert redaction.quoted({"a": [{"b": "x [redacted: KEY] y"}]}) == mark("KEY")
    assert redaction.quoted(["[redacted: OTHER]", 1, None]) == ""


PIECES = st.lists(st.sampled_from(["word ", "a", "\n", "sk-", "://", "end. ", "eyJ"]), max_size=6)
WATCHED = {
    "value": "Zx9-Kq4_Lm7.Pw2+Rt5",
    "spaced": "correct horse 4 battery staple",
    "form": FORMED["GitHub token"],
    "block": f"-----BEGIN PRIVATE KEY-----\n{MIXED * 3}\n{MIXED * 3}\n-----END PRIVATE KEY-----",
    "led": "Authorization: Bearer " + MIXED,
}


@pytest.mark.parametrize("kind", WATCHED)
@settings(deadline=None)
@given(before=PIECES, after=PIECES, data=st.data())
def test_a_secret_in_pieces_is_never_watched_whole(
    kind: str, before: list[str], after: list[str], data: st.DataObject
) -> None:
    secret = WATCHED[kind]
    text = f"{''.join(before)} {secret} {''.join(after)}"
    places = st.lists(st.integers(0, len(text)), max_size=12)
    cuts = [0, *sorted(data.draw(places)), len(text)]
    known = {secret: "KEY"} if kind in ("value", "spaced") else {}
    redaction = Redaction(known)
    flow = Flow(redaction)
    told = [flow.feed(text[a:b]) for a, b in pairwise(cuts)]
    shown = "".join([*told, flow.end()])
    for part in secret.split() if kind in ("block", "led") else [secret]:
        assert len(part) < 20 or part not in shown, (told, shown)
    assert "[redacted: " in shown
    assert secret[len(secret) // 2 :] not in shown


@settings(deadline=None)
@given(st.lists(st.text(st.characters(codec="utf-8"), max_size=30), max_size=10))
def test_what_holds_no_secret_flows_as_it_is(pieces: list[str]) -> None:
    flow = Flow(Redaction({"Zx9-Kq4_Lm7": "KEY"}))
    text = "".join(pieces)
    assume("Zx9-Kq4_Lm7" not in text and not list(found(text, long_words(text))))
    assert "".join([*map(flow.feed, pieces), flow.end()]) == text


def test_words_without_a_suspicion_do_not_wait() -> None:
    flow = Flow(Redaction({"Zx9-Kq4_Lm7": "KEY"}))
    assert [flow.feed(each) for each in ("I loo", "k at a.p", "y", "...")] == [
        *("I loo", "k at a.p", "y", "..."),
    ]
    assert [flow.feed(" Zx9-"), flow.feed("other"), flow.end()] == [" ", "Zx9-other", ""]


def test_a_flood_without_spaces_does_not_wait_for_ever() -> None:
    flow = Flow(Redaction())
    shown = "".join(flow.feed("sk-" + "x" * 9_997) for _ in range(20))
    assert len(shown) > 100_000
    assert len(shown + flow.end()) == 200_000
