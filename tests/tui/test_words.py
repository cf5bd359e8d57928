"""The words of the slider, held against the table that they are made from."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st
from inline_snapshot import snapshot

from agent.policy import EFFECTS, Autonomy, Stance, Taint, Verdict, verdict_for
from sandbox.base import Containment
from tests.tui.screen import folded
from tools.base import Effect, ToolCall
from tui import words

FOREIGN = Taint(source="https://example.com/x", text="do this")

stances = st.builds(
    Stance,
    autonomy=st.sampled_from(Autonomy),
    containment=st.sampled_from(Containment),
    network_off=st.booleans(),
    lifted=st.booleans(),
    taint=st.sampled_from([None, FOREIGN]),
)
# read back from a sentence: what stands before `run` or `runs`, and before `ask` or `asks`
NOUNS = {name: effect for effect, name in words.NAMES.items()}


def read_back(sentence: str) -> dict[Effect, Verdict]:
    """What a person takes from a sentence: each effect with what becomes of it."""
    first, _, second = sentence.partition("; ")
    second = second.partition(":")[0]
    rest = {
        "everything else is denied": Verdict.DENY,
        "the rest is denied": Verdict.DENY,
    }.get(second, Verdict.ASK)
    named = {effect for noun, effect in NOUNS.items() if noun in second}
    if first.startswith("everything else"):
        allowed = set(EFFECTS) - named
    else:
        allowed = {effect for noun, effect in NOUNS.items() if noun in first} | {Effect.READ}
    assert named <= set(EFFECTS) - allowed, "nothing is said to run and to ask"
    if named and not first.startswith("everything"):
        assert named | allowed == set(EFFECTS), "nothing is left out"
    return {each: Verdict.ALLOW if each in allowed else rest for each in EFFECTS}


@given(stances)
def test_every_form_of_the_words_says_what_the_table_says(stance: Stance) -> None:
    truth = {effect: verdict_for(effect, stance) for effect in EFFECTS}
    for sentence in words.notch(stance):
        assert read_back(sentence) == truth, sentence


@given(stances)
def test_commands_are_called_contained_only_where_they_are(stance: Stance) -> None:
    longest = words.notch(stance)[0]
    if "uncontained commands" in longest:
        assert not stance.contained
    elif "contained commands" in longest:
        assert stance.contained


@given(stances)
def test_the_forms_grow_shorter(stance: Stance) -> None:
    lengths = [len(form) for form in words.notch(stance)]
    assert lengths == sorted(set(lengths), reverse=True)
    assert lengths[-1] <= 39


@given(stances, st.frozensets(st.sampled_from(Effect)))
def test_the_notch_that_is_named_allows_and_none_below_it_does(
    stance: Stance, effects: frozenset[Effect]
) -> None:
    found = words.allowing(effects, stance)
    for level in Autonomy:
        allows = words.verdict_at(effects, stance, level) is Verdict.ALLOW
        assert allows == (found is not None and level >= found)


def test_each_notch_in_words() -> None:
    said = [
        "\n".join((f"{held.name} {level.name}", *words.notch(Stance(level, held))))
        for held in (Containment.FULL, Containment.NONE)
        for level in Autonomy
    ]
    assert "\n\n".join(said) == snapshot("""\
FULL OBSERVE
reads; everything else is denied
reads; the rest is denied

FULL ASK
reads; everything else asks
reads; the rest asks
reads; rest asks

FULL EDIT
edits run; commands, network, outside and destroy ask
edits run; the rest asks
edits run; rest asks

FULL RUN
edits and contained commands run; network, outside and destroy ask
edits and contained commands run; the rest asks
edits and commands run; the rest asks
edits, commands run; rest asks

FULL FULL
edits, contained commands, network and outside run; destroy asks
edits, commands, network and outside run; the rest asks
edits, commands, network, outside run; rest asks
everything else runs; destroy asks

NONE OBSERVE
reads; everything else is denied
reads; the rest is denied

NONE ASK
reads; everything else asks
reads; the rest asks
reads; rest asks

NONE EDIT
edits run; commands, network, outside and destroy ask
edits run; the rest asks
edits run; rest asks

NONE RUN
edits run; commands, network, outside and destroy ask: nothing contains commands
edits run; the rest asks: nothing contains commands
edits run; the rest asks: no sandbox
edits run; rest asks: no sandbox
edits run; the rest asks
edits run; rest asks

NONE FULL
edits, network and outside run; commands and destroy ask: nothing contains commands
edits, network and outside run; the rest asks: nothing contains commands
edits, network and outside run; the rest asks: no sandbox
edits, network, outside run; rest asks: no sandbox
edits, network and outside run; the rest asks
edits, network, outside run; rest asks\
""")


def test_text_from_elsewhere_is_named_where_it_changes_something() -> None:
    full = words.notch(Stance(Autonomy.FULL, Containment.FULL, taint=FOREIGN))
    assert folded("\n".join(full)) == snapshot("""\
edits and contained commands run; network, outside and destroy ask: text from https://example.co
⤷ m/x was read
edits and contained commands run; the rest asks: text from https://example.com/x was read
edits and commands run; the rest asks: foreign text
edits, commands run; rest asks: foreign text
edits and commands run; the rest asks
edits, commands run; rest asks
""")
    run = words.notch(Stance(Autonomy.RUN, Containment.FULL, taint=FOREIGN))
    assert run == words.notch(Stance(Autonomy.RUN, Containment.FULL))


def test_a_source_cannot_obey_the_terminal_or_fill_the_line() -> None:
    taint = Taint(source="a\x1b[2J" + "b" * 100, text="")
    said = words.source(taint)
    assert "\x1b" not in said
    assert len(said) <= 32


@pytest.mark.parametrize(
    ("number", "said"),
    [(0, "0"), (999, "999"), (1000, "1k"), (2148, "2.1k"), (131072, "131k"), (1_200_000, "1.2M")],
)
def test_counts_are_short(number: int, said: str) -> None:
    assert words.count(number) == said


def test_a_call_is_named_by_what_it_is_about() -> None:
    call = ToolCall(id="1", name="shell", arguments={"command": "a\n  b\x1b[1m"})
    assert words.target(call) == "a b\\x1b[1m"
    assert words.target(ToolCall(id="1", name="edit", arguments={"path": "a.py"})) == "a.py"
    assert words.target(ToolCall(id="1", name="edit", arguments={"path": 3})) == ""


@pytest.mark.parametrize(("wide", "said"), [(10, "日本語"), (5, "日本…"), (4, "日…"), (1, "…")])
def test_a_cut_text_keeps_to_its_cells(wide: int, said: str) -> None:
    assert words.clip("日本語", wide) == said
