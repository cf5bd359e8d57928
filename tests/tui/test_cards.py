"""Cards of what is said: sessions, prompts, steps, answers, at three widths."""

from __future__ import annotations

from inline_snapshot import snapshot

from agent.events import (
    MessageFinished,
    ModelRetried,
    Prefill,
    PromptTaken,
    SessionResumed,
    StepStarted,
    TextDelta,
    ThinkingDelta,
)
from agent.messages import AssistantMessage, Image, Usage
from agent.policy import Autonomy
from sandbox.base import Containment
from tests.tui.told import Teller
from tui.cards.say import SayCard

ANSWER = """\
# What was wrong

`total` rounded **twice**, so *small* sums were off:

1. each item was rounded
2. then the sum, which
   - lost a cent for every item that ends in half a cent, and there are many of these
   - 世界 too

```python
def total(items):
    return round(sum(items), 2)  # once
```

> only the sum is rounded now

| before | after |
|--------|-------|
| 10.01  | `10.00` |

See [the tests](https://example.com/tests).
"""


def beginnings() -> Teller:
    told = Teller()
    told.open()
    told.tell(
        SessionResumed(
            id="01JC8Z",
            cwd="/work",
            model="qwen",
            autonomy=Autonomy.ASK,
            effort=2,
            containment=Containment.NONE,
            turns=3,
        )
    )
    told.turn("why does `total` round twice? Keep its signature: 世界 🎉 depend on it")
    told.tell(PromptTaken(prompt="and add a test"))
    told.turn("", kind="fix", images=(Image(media_type="image/png", data=""),), origin="an issue")
    return told


def test_how_sessions_and_prompts_look() -> None:
    told = beginnings()
    assert told.text(60) == snapshot("""\

 session 01JC8Z: qwen2.5-coder-1.5b, level RUN, containment…
 resumed: qwen, level ASK, containment NONE

────────────────────────────────────────────────────────────
 you   why does `total` round twice? Keep its signature:
       世界 🎉 depend on it
────────────────────────────────────────────────────────────

 you   and add a test

────────────────────────────────────────────────────────────
 you   fix what fails
       with 1 picture
       with text from an issue
────────────────────────────────────────────────────────────
""")
    assert told.text(100) == snapshot("""\

 session 01JC8Z: qwen2.5-coder-1.5b, level RUN, containment FULL
 resumed: qwen, level ASK, containment NONE

────────────────────────────────────────────────────────────────────────────────────────────────────
 you   why does `total` round twice? Keep its signature: 世界 🎉 depend on it
────────────────────────────────────────────────────────────────────────────────────────────────────

 you   and add a test

────────────────────────────────────────────────────────────────────────────────────────────────────
 you   fix what fails
       with 1 picture
       with text from an issue
────────────────────────────────────────────────────────────────────────────────────────────────────
""")
    assert told.text(160) == snapshot("""\

 session 01JC8Z: qwen2.5-coder-1.5b, level RUN, containment FULL
 resumed: qwen, level ASK, containment NONE

────────────────────────────────────────────────────────────────────────────────────────────────
⤷ ────────────────────────────────────────────────────────────────
 you   why does `total` round twice? Keep its signature: 世界 🎉 depend on it
────────────────────────────────────────────────────────────────────────────────────────────────
⤷ ────────────────────────────────────────────────────────────────

 you   and add a test

────────────────────────────────────────────────────────────────────────────────────────────────
⤷ ────────────────────────────────────────────────────────────────
 you   fix what fails
       with 1 picture
       with text from an issue
────────────────────────────────────────────────────────────────────────────────────────────────
⤷ ────────────────────────────────────────────────────────────────
""")


def test_a_long_prompt_is_closed_until_someone_wants_it() -> None:
    told = Teller()
    told.turn("\n".join(f"line {number}" for number in range(30)))
    assert told.text(40) == snapshot("""\

────────────────────────────────────────
 you   line 0
       line 1
       line 2
       line 3
       line 4
       line 5
       line 6
       line 7
       line 8
       line 9
       line 10
       … 19 more lines
────────────────────────────────────────
""")
    told.fold.cards[0].toggle()
    assert told.text(40).count("line") == 30


def steps() -> Teller:
    told = Teller()
    told.turn("go")
    told.step(
        1, thought="The user wants me to look at the rounding first, and at the tests then.\nSo:"
    )
    told.step(2, "Then at the **tests**.")
    told.step(3)
    told.tell(StepStarted(step=4), Prefill(done=512, total=2048))
    return told


def test_how_steps_look() -> None:
    told = steps()
    assert told.text(60) == snapshot("""\

────────────────────────────────────────────────────────────
 you   go
────────────────────────────────────────────────────────────
 1  ▸ The user wants me to look at the rounding firs…  2.1 s
 2  Then at the tests.                                 2.1 s
 3  no words                                           2.0 s
 4  ● reading 512 of 2,048 tokens                      0.0 s
""")
    assert told.text(100) == snapshot("""\

────────────────────────────────────────────────────────────────────────────────────────────────────
 you   go
────────────────────────────────────────────────────────────────────────────────────────────────────
 1  ▸ The user wants me to look at the rounding first, and at the tests then. So:              2.1 s
 2  Then at the tests.                                                                         2.1 s
 3  no words                                                                                   2.0 s
 4  ● reading 512 of 2,048 tokens                                                              0.0 s
""")
    assert told.text(160) == snapshot("""\

────────────────────────────────────────────────────────────────────────────────────────────────
⤷ ────────────────────────────────────────────────────────────────
 you   go
────────────────────────────────────────────────────────────────────────────────────────────────
⤷ ────────────────────────────────────────────────────────────────
 1  ▸ The user wants me to look at the rounding first, and at the tests then. So:
⤷                                                            2.1 s
 2  Then at the tests.
⤷                                                            2.1 s
 3  no words
⤷                                                            2.0 s
 4  ● reading 512 of 2,048 tokens
⤷                                                            0.0 s
""")
    told.fold.cards[1].toggle()
    assert told.text(60) == snapshot("""\

────────────────────────────────────────────────────────────
 you   go
────────────────────────────────────────────────────────────
 1  ▾ thought                                          2.1 s
      The user wants me to look at the rounding first, and
      at the tests then.
      So:
 2  Then at the tests.                                 2.1 s
 3  no words                                           2.0 s
 4  ● reading 512 of 2,048 tokens                      0.0 s
""")


def test_how_an_answer_looks() -> None:
    told = Teller()
    told.step(1, ANSWER)
    assert told.text(60) == snapshot("""\

 1  What was wrong                                     2.1 s

    total rounded twice, so small sums were off:

    1. each item was rounded
    2. then the sum, which
       • lost a cent for every item that ends in
         half a cent, and there are many of these
       • 世界 too

      def total(items):
          return round(sum(items), 2)  # once

    │ only the sum is rounded now

    before  after
    ──────  ─────
    10.01   10.00

    See the tests (https://example.com/tests).
""")
    assert told.text(100) == snapshot("""\

 1  What was wrong                                                                             2.1 s

    total rounded twice, so small sums were off:

    1. each item was rounded
    2. then the sum, which
       • lost a cent for every item that ends in half a cent, and there are many of these
       • 世界 too

      def total(items):
          return round(sum(items), 2)  # once

    │ only the sum is rounded now

    before  after
    ──────  ─────
    10.01   10.00

    See the tests (https://example.com/tests).
""")
    assert told.text(160) == snapshot("""\

 1  What was wrong
⤷                                                            2.1 s

    total rounded twice, so small sums were off:

    1. each item was rounded
    2. then the sum, which
       • lost a cent for every item that ends in half a cent, and there are many of these
       • 世界 too

      def total(items):
          return round(sum(items), 2)  # once

    │ only the sum is rounded now

    before  after
    ──────  ─────
    10.01   10.00

    See the tests (https://example.com/tests).
""")


def test_an_answer_copies_as_its_source() -> None:
    told = Teller()
    told.step(1, ANSWER)
    assert told.fold.cards[-1].plain() == ANSWER.strip()


def test_what_streams_ends_as_it_would_look_at_once_and_moves_nothing_above() -> None:
    at_once = SayCard()
    at_once.say(ANSWER)
    at_once.end(ANSWER, 1.0)
    card, before = SayCard(), [""]
    for start in range(0, len(ANSWER), 7):
        card.say(ANSWER[start : start + 7])
        lines = [line.plain for line in card.lines(60)]
        blank = next((at for at in reversed(range(len(before))) if not before[at].strip()), 0)
        assert lines[:blank] == before[:blank], "what is above the last block stays"
        before = lines
    card.end(ANSWER, 1.0)
    assert [each.plain for each in card.lines(60)] == [each.plain for each in at_once.lines(60)]


def test_what_a_failed_model_had_said_is_taken_back() -> None:
    told = Teller()
    told.tell(StepStarted(step=1), ThinkingDelta(text="hm"), TextDelta(text="Half a"))
    told.tell(ModelRetried(reason="connection lost", retry=1, seconds=2.0))
    told.tell(TextDelta(text="All of it."))
    message = AssistantMessage(text="All of it.")
    told.tell(MessageFinished(message=message, usage=Usage()))
    assert told.text(60) == snapshot("""\

 1  All of it.                                         0.5 s
    · the model failed: connection lost; try 2 in 2 s
""")


def test_escapes_tabs_and_markup_only_show() -> None:
    told = Teller()
    told.turn("\x1b[31mred\x1b[0m \u202e [bold]x[/bold] a\tb")
    told.step(1, "a \x1b]0;title\x07 [red]b[/red] &#x202e; \tc")
    assert told.text(60) == snapshot("""\

────────────────────────────────────────────────────────────
 you   \\x1b[31mred\\x1b[0m \\u202e [bold]x[/bold] a  b
────────────────────────────────────────────────────────────
 1  a \\x1b]0;title\\x07 [red]b[/red] \\u202e    c        2.1 s
""")
