"""Cards of calls and their diffs, at three widths."""

from __future__ import annotations

from typing import Any

from inline_snapshot import snapshot

from agent.policy import Verdict
from tests.tui.told import DIFF, Teller
from tools.base import Effect, ToolResult
from tools.report import CheckReport, TestOutcome
from tui.cards.call import CallCard
from tui.cards.diff import Diff
from tui.theme import CUT

LONG = "\n".join(f"line {number}" for number in range(60))
TWO_FILES = """\
--- a/a.py
+++ b/a.py
@@ -1,3 +1,3 @@
 # a world
--- this begins like the head of a file
+-- so does this
 x = 1
@@ -90 +90,2 @@ def later():
     return "世界"
+    # a long line that goes on until it is wider than a narrow terminal is
--- /dev/null
+++ b/new.txt
@@ -0,0 +1,2 @@
+one\ttab
+two
\\ No newline at end of file
"""


def done(summary: str = "", text: str = "", **more: Any) -> ToolResult:
    return ToolResult(text=text or summary, summary=summary, **more)


def calls() -> Teller:
    told = Teller()
    told.step(7)
    path = "src/orders/pricing/of/every/kind/and/more/pricing.py"
    told.call("read", done(f"{path}: lines 18-41 of 120"), path=path, start=18, end=41)
    told.call("search", done("2 matches in 2 files"), pattern="round(", path="src", glob="*.py")
    run = (Effect.EXECUTE,)
    told.call("shell", done("exit 0", LONG), effects=run, command="grep -rn round src | head -60")
    told.call("shell", done("exit 1", LONG, ok=False), effects=run, command="python demo.py")
    told.call("shell", done("exit 0", "hi"), by="user", effects=run, command="echo hi")
    told.call("edit", done("x +1 -1", diff=DIFF), effects=(Effect.EDIT,), path="a.py", symbol="f")
    told.call("write", done("moved"), effects=(Effect.EDIT,), path="a.py", move_to="b.py")
    told.call("git", done("git log"), action="log", paths=["src"])
    told.call("fetch", done("12 kB"), effects=(Effect.NETWORK,), url="https://example.com/docs")
    told.call("other", done("done"), some="thing", number=3)
    return told


def test_how_calls_look() -> None:
    told = calls()
    assert told.text(60) == snapshot("""\

 7  ▸ ◇ read    …d/more/pricing.py:18-41               0.4 s
    ▸ ⌕ search  round(  in src *.py                    0.4 s
    ▸ $ shell   grep -rn round src | head -60  exit 0  0.4 s
    ▾ $ shell   python demo.py      EXECUTE  exit 1  ✗ 0.4 s
      … 52 more lines
      line 52
      line 53
      line 54
      line 55
      line 56
      line 57
      line 58
      line 59
    ▾ ! echo hi                       EXECUTE  exit 0  0.4 s
      hi
    ▾ ✎ edit    a.py  f()                 EDIT  +1 -1  0.4 s
      30 │     amount = sum(item.price for item in items)
      31 │-    if discount:
      31 │+    if discount is not None:
      32 │         amount -= amount * discount
      33 │     return round(amount, 2)
    ▸ + write   a.py  to b.py             EDIT  moved  0.4 s
    ▸ ⎇ git     log src                                0.4 s
    ▸ ↓ fetch   https://example.com/docs        12 kB  0.4 s
    ▸ · other   some=thing number=3              done  0.4 s
""")
    assert told.text(100) == snapshot("""\

 7  ▸ ◇ read    …c/orders/pricing/of/every/kind/and/more/pricing.py:18-41  lines 18-41 of 120  0.4 s
    ▸ ⌕ search  round(  in src *.py                                      2 matches in 2 files  0.4 s
    ▸ $ shell   grep -rn round src | head -60                                 EXECUTE  exit 0  0.4 s
    ▾ $ shell   python demo.py                                              EXECUTE  exit 1  ✗ 0.4 s
      … 52 more lines
      line 52
      line 53
      line 54
      line 55
      line 56
      line 57
      line 58
      line 59
    ▾ ! echo hi                                                               EXECUTE  exit 0  0.4 s
      hi
    ▾ ✎ edit    a.py  f()                                                         EDIT  +1 -1  0.4 s
      30 │     amount = sum(item.price for item in items)
      31 │-    if discount:
      31 │+    if discount is not None:
      32 │         amount -= amount * discount
      33 │     return round(amount, 2)
    ▸ + write   a.py  to b.py                                                     EDIT  moved  0.4 s
    ▸ ⎇ git     log src                                                                        0.4 s
    ▸ ↓ fetch   https://example.com/docs                                       NETWORK  12 kB  0.4 s
    ▸ · other   some=thing number=3                                                      done  0.4 s
""")
    assert told.text(160) == snapshot("""\

 7  ▸ ◇ read    src/orders/pricing/of/every/kind/and/more/pricing.py:18-41
⤷                                        lines 18-41 of 120  0.4 s
    ▸ ⌕ search  round(  in src *.py
⤷                                      2 matches in 2 files  0.4 s
    ▸ $ shell   grep -rn round src | head -60
⤷                                           EXECUTE  exit 0  0.4 s
    ▾ $ shell   python demo.py
⤷                                         EXECUTE  exit 1  ✗ 0.4 s
      … 52 more lines
      line 52
      line 53
      line 54
      line 55
      line 56
      line 57
      line 58
      line 59
    ▾ ! echo hi
⤷                                           EXECUTE  exit 0  0.4 s
      hi
    ▾ ✎ edit    a.py  f()
⤷                                               EDIT  +1 -1  0.4 s
      30 │     amount = sum(item.price for item in items)                          30 │     amou
⤷ nt = sum(item.price for item in items)
      31 │-    if discount:                                                        31 │+    if d
⤷ iscount is not None:
      32 │         amount -= amount * discount                                     32 │
⤷ amount -= amount * discount
      33 │     return round(amount, 2)                                             33 │     retu
⤷ rn round(amount, 2)
    ▸ + write   a.py  to b.py
⤷                                               EDIT  moved  0.4 s
    ▸ ⎇ git     log src
⤷                                                            0.4 s
    ▸ ↓ fetch   https://example.com/docs
⤷                                            NETWORK  12 kB  0.4 s
    ▸ · other   some=thing number=3
⤷                                                      done  0.4 s
""")


def asked() -> Teller:
    told = Teller()
    ask, push = Verdict.ASK, "git push --force origin main"
    both = (Effect.NETWORK, Effect.DESTROY)
    no = ToolResult(text="Not allowed", ok=False, summary="declined")
    said: dict[str, Any] = {"approved": False, "by": "user", "feedback": "never for me"}
    told.call("shell", no, effects=both, verdict=ask, answer=said, command=push)
    said = {"approved": True, "by": "user"}
    told.call("shell", done("exit 0"), effects=both, verdict=ask, answer=said, command=push)
    said = {"approved": False, "by": "headless"}
    told.call("shell", no, effects=both, verdict=ask, answer=said, command=push)
    why = "level OBSERVE denies EDIT (table, row 0)"
    edit = (Effect.READ, Effect.EDIT)
    told.call("edit", no, effects=edit, verdict=Verdict.DENY, reason=why, path="a.py")
    told.call("shell", effects=both, verdict=ask, command=push)
    return told


def test_an_answered_call_says_who_answered_and_a_refused_one_why() -> None:
    told = asked()
    assert told.text(60) == snapshot("""\

    ▸ $ shell   git push --force origin main       ⊘ refused
      ⊘ declined by you: never for me
    ▸ $ shell   git push --force origin main   exit 0  0.4 s
      ✓ approved by you
    ▸ $ shell   git push --force origin main       ⊘ refused
      ⊘ declined by nobody: no one was there to ask
    ▸ ✎ edit    a.py                         EDIT  ⊘ refused
      ⊘ level OBSERVE denies EDIT (table, row 0)
      $ shell   git push --force origin ma…  ? waits for you
""")
    assert told.text(100) == snapshot("""\

    ▸ $ shell   git push --force origin main                            NETWORK + DESTROY  ⊘ refused
      ⊘ declined by you: never for me
    ▸ $ shell   git push --force origin main                        NETWORK + DESTROY  exit 0  0.4 s
      ✓ approved by you
    ▸ $ shell   git push --force origin main                            NETWORK + DESTROY  ⊘ refused
      ⊘ declined by nobody: no one was there to ask
    ▸ ✎ edit    a.py                                                                 EDIT  ⊘ refused
      ⊘ level OBSERVE denies EDIT (table, row 0)
      $ shell   git push --force origin main                      NETWORK + DESTROY  ? waits for you
""")
    assert told.text(160) == snapshot("""\

    ▸ $ shell   git push --force origin main
⤷                                     NETWORK + DESTROY  ⊘ refused
      ⊘ declined by you: never for me
    ▸ $ shell   git push --force origin main
⤷                                 NETWORK + DESTROY  exit 0  0.4 s
      ✓ approved by you
    ▸ $ shell   git push --force origin main
⤷                                     NETWORK + DESTROY  ⊘ refused
      ⊘ declined by nobody: no one was there to ask
    ▸ ✎ edit    a.py
⤷                                                  EDIT  ⊘ refused
      ⊘ level OBSERVE denies EDIT (table, row 0)
      $ shell   git push --force origin main
⤷                               NETWORK + DESTROY  ? waits for you
""")


def test_a_running_call_shows_the_last_of_its_output_and_how_long_it_runs() -> None:
    told = Teller()
    output = [f"\x1b[32mline {number}\x1b[0m\n" for number in range(500)]
    told.call("shell", command="make\nmake test", output=[*output, "10 %\r50 %\r90 %"])
    told.fold.pulse(told.now + 75)
    assert told.text(60) == snapshot("""\

    ▾ $ shell   make …                            ● 2 m 05 s
      … 493 more lines
      line 493
      line 494
      line 495
      line 496
      line 497
      line 498
      line 499
      90 %
""")
    told.end("cancelled")
    assert f"{CUT} stopped" in told.text(60)


def test_an_opened_call_shows_the_whole_command_and_what_was_kept_of_the_output() -> None:
    told = Teller()
    output = "\n".join(map(str, range(1000)))
    told.call("shell", done("exit 0", output), command="make\nmake test")
    assert told.text(60) == snapshot("""\

    ▸ $ shell   make …                         exit 0  0.4 s
""")
    told.fold.cards[0].toggle()
    lines = told.text(60).split("\n")
    assert lines[1:6] == snapshot(
        [
            "    ▾ $ shell   make …                         exit 0  0.4 s",
            "      make",
            "      make test",
            "      … 600 more lines",
            "      600",
        ]
    )
    assert lines[-3:-1] == snapshot(["      998", "      999"])


def test_a_failing_check_names_its_tests() -> None:
    told = Teller()
    report = CheckReport(
        command="pytest -q",
        runner="pytest",
        granularity="test",
        exit_code=1,
        complete=True,
        tests={"t.py::a": TestOutcome.PASSED, "t.py::b": TestOutcome.FAILED},
    )
    told.call("check", ToolResult(text="1 failed", ok=False, report=report))
    assert told.text(60) == snapshot("""\

    ▾ ≡ check   pytest -q        1 passed  1 failed  ✗ 0.4 s
                ✗ t.py::b
""")


def test_how_a_diff_of_two_files_looks() -> None:
    told = Teller()
    told.call("write", done("x", diff=TWO_FILES), path="a.py")
    told.fold.cards[0].open = True
    assert told.text(60) == snapshot("""\

    ▾ + write   a.py                            +4 -1  0.4 s
      a.py
       1 │ # a world
       2 │--- this begins like the head of a file
       2 │+-- so does this
       3 │ x = 1
      ⋯ def later():
      90 │     return "世界"
      91 │+    # a long line that goes on until it is wider
         │ than a narrow terminal is
      new.txt
       1 │+one tab
       2 │+two
""")
    assert told.text(100) == snapshot("""\

    ▾ + write   a.py                                                                    +4 -1  0.4 s
      a.py
       1 │ # a world
       2 │--- this begins like the head of a file
       2 │+-- so does this
       3 │ x = 1
      ⋯ def later():
      90 │     return "世界"
      91 │+    # a long line that goes on until it is wider than a narrow terminal is
      new.txt
       1 │+one tab
       2 │+two
""")
    assert told.text(160) == snapshot("""\

    ▾ + write   a.py
⤷                                                     +4 -1  0.4 s
      a.py
       1 │ # a world                                                                1 │ # a world
       2 │--- this begins like the head of a file                                   2 │+-- so do
⤷ es this
       3 │ x = 1                                                                    3 │ x = 1
      ⋯ def later():
      90 │     return "世界"                                                       90 │     return
⤷  "世界"
                                                                                   91 │+    # a
⤷ long line that goes on until it is wider than a narrow terminal
                                                                                      │  is
      new.txt
                                                                                    1 │+one tab
                                                                                    2 │+two
""")


def test_a_diff_counts_what_comes_and_goes() -> None:
    assert Diff(TWO_FILES).counts == (4, 1)
    assert Diff(DIFF).counts == (1, 1)
    assert Diff("").counts == (0, 0)


def test_only_a_short_diff_opens_by_itself() -> None:
    head = "--- a/x\n+++ b/x\n@@ -0,0 +1,{0} @@\n"
    short = head.format(11) + "+x\n" * 11
    long = head.format(30) + "+x\n" * 30
    for diff, opened in ((short, True), (long, False)):
        told = Teller()
        told.call("edit", done("x", diff=diff), path="x")
        assert told.fold.cards[0].opened is opened


def test_a_call_copies_as_its_diff_or_as_its_command_and_output() -> None:
    told = Teller()
    told.call("edit", done("x", diff=DIFF), path="a.py")
    told.call("shell", done("exit 0", "hi\n"), command="echo hi")
    told.call("read", done("x", "1 one"), path="a.py", start=3, end=4)
    copied = [card.plain() for card in told.fold.cards if isinstance(card, CallCard)]
    assert copied == [DIFF.rstrip("\n"), "echo hi\nhi", "read a.py:3-4\n1 one"]
