"""Cards of checks and attempts, at three widths."""

from __future__ import annotations

from inline_snapshot import snapshot

from agent.events import (
    AttemptStarted,
    CandidatesScreened,
    CheckStarted,
    PhaseStarted,
    StepStarted,
    ToolRequested,
)
from tests.tui.told import DIFF, Teller, repair
from tools.base import ToolCall
from tui.cards.attempts import AttemptsCard


def test_how_a_repair_looks() -> None:
    told = Teller()
    repair(told)
    assert told.text(60) == snapshot("""\

 session 01JC8Z: qwen2.5-coder-1.5b, level RUN, containment…

────────────────────────────────────────────────────────────
 you   fix: totals are wrong when a discount is zero
────────────────────────────────────────────────────────────
      · reproduce running pytest -q                    0.3 s
    ▾ ≡ tests   pytest -q         41 passed  2 failed  2.4 s
                ✗ test_totals.py::test_zero_discount
                ✗ test_totals.py::test_no_discount
      · localise  2 failing                            0.1 s
    ▸ ↻ attempts  1 ✗ rewrite   2 ⊘ rewrite            1.3 s
                  3 ✓ edit
      30 │     amount = sum(item.price for item in items)
      31 │-    if discount:
      31 │+    if discount is not None:
      32 │         amount -= amount * discount
      33 │     return round(amount, 2)
      · select    attempt 3                            0.8 s
    ▸ ✎ edit    src/pricing.py  total()  by t…  +1 -1  0.4 s
 ┌ ▸ proof ────────────────────────────────────────────────┐
 │ before 41 ✓ 2 ✗   →   after 43 ✓ 0 ✗    twice, 6.1 s    │
 │ 1 file, +1 -1                                           │
 │ ✓ verified: tests                                       │
 │ 3 attempts · 2.6 s · 1,840 tokens · $0.00               │
 │ nothing left this machine                               │
 └─────────────────────────────────────────────────────────┘
""")
    assert told.text(100) == snapshot("""\

 session 01JC8Z: qwen2.5-coder-1.5b, level RUN, containment FULL

────────────────────────────────────────────────────────────────────────────────────────────────────
 you   fix: totals are wrong when a discount is zero
────────────────────────────────────────────────────────────────────────────────────────────────────
      · reproduce running pytest -q                                                            0.3 s
    ▾ ≡ tests   pytest -q                                       ███████░  41 passed  2 failed  2.4 s
                ✗ test_totals.py::test_zero_discount   ✗ test_totals.py::test_no_discount
      · localise  2 failing                                                                    0.1 s
    ▸ ↻ attempts  1 ✗ rewrite   2 ⊘ rewrite   3 ✓ edit                                         1.3 s
      30 │     amount = sum(item.price for item in items)
      31 │-    if discount:
      31 │+    if discount is not None:
      32 │         amount -= amount * discount
      33 │     return round(amount, 2)
      · select    attempt 3                                                                    0.8 s
    ▸ ✎ edit    src/pricing.py  total()  by the harness                           EDIT  +1 -1  0.4 s
 ┌ ▸ proof ────────────────────────────────────────────────────────────────────────────────────────┐
 │ before 41 ✓ 2 ✗   →   after 43 ✓ 0 ✗    twice, 6.1 s    1 file, +1 -1                           │
 │ ✓ verified: tests                                                                               │
 │ 3 attempts · 2.6 s · 1,840 tokens · $0.00 · nothing left this machine                           │
 └─────────────────────────────────────────────────────────────────────────────────────────────────┘
""")
    assert told.text(160) == snapshot("""\

 session 01JC8Z: qwen2.5-coder-1.5b, level RUN, containment FULL

────────────────────────────────────────────────────────────────────────────────────────────────
⤷ ────────────────────────────────────────────────────────────────
 you   fix: totals are wrong when a discount is zero
────────────────────────────────────────────────────────────────────────────────────────────────
⤷ ────────────────────────────────────────────────────────────────
      · reproduce running pytest -q
⤷                                                            0.3 s
    ▾ ≡ tests   pytest -q
⤷                             ███████░  41 passed  2 failed  2.4 s
                ✗ test_totals.py::test_zero_discount   ✗ test_totals.py::test_no_discount
      · localise  2 failing
⤷                                                            0.1 s
    ▸ ↻ attempts  1 ✗ rewrite   2 ⊘ rewrite   3 ✓ edit
⤷                                                            1.3 s
      30 │     amount = sum(item.price for item in items)                          30 │     amou
⤷ nt = sum(item.price for item in items)
      31 │-    if discount:                                                        31 │+    if d
⤷ iscount is not None:
      32 │         amount -= amount * discount                                     32 │
⤷ amount -= amount * discount
      33 │     return round(amount, 2)                                             33 │     retu
⤷ rn round(amount, 2)
      · select    attempt 3
⤷                                                            0.8 s
    ▸ ✎ edit    src/pricing.py  total()  by the harness
⤷                                               EDIT  +1 -1  0.4 s
 ┌ ▸ proof ─────────────────────────────────────────────────────────────────────────────────────
⤷ ───────────────────────────────────────────────────────────────┐
 │ before 41 ✓ 2 ✗   →   after 43 ✓ 0 ✗    twice, 6.1 s    1 file, +1 -1
⤷                                                                │
 │ ✓ verified: tests
⤷                                                                │
 │ 3 attempts · 2.6 s · 1,840 tokens · $0.00 · nothing left this machine
⤷                                                                │
 └──────────────────────────────────────────────────────────────────────────────────────────────
⤷ ───────────────────────────────────────────────────────────────┘
""")


def test_how_checks_look() -> None:
    told = Teller()
    told.check(newly_failing=tuple(f"tests/test_{n}.py::test_it" for n in range(14)))
    told.check(passed=43, failed=0, newly_passing=("tests/test_a.py::test_it",))
    told.check(passed=0, failed=0, complete=False, notes=("no access to /dev/kvm",))
    told.tell(CheckStarted(command="pytest -q", targets=("a", "b")))
    told.fold.pulse(told.now + 3)
    assert told.text(60) == snapshot("""\

    ▾ ≡ tests   pytest -q         41 passed  2 failed  2.4 s
                ✗ tests/test_0.py::test_it
                ✗ tests/test_1.py::test_it
                ✗ tests/test_2.py::test_it
                ✗ tests/test_3.py::test_it
                ✗ tests/test_4.py::test_it
                ✗ tests/test_5.py::test_it
                ✗ tests/test_6.py::test_it
                ✗ tests/test_7.py::test_it
                ✗ tests/test_8.py::test_it
                ✗ tests/test_9.py::test_it
                ✗ tests/test_10.py::test_it
                ✗ tests/test_11.py::test_it
                … 2 more tests
    ▸ ≡ tests   pytest -q         ████████  43 passed  2.4 s
    ▸ ≡ tests   pytest -q         0 passed  - cut off  2.4 s
    ▸ ≡ tests   2 chosen  pytest -q         ● running  3.0 s
""")
    assert told.text(100) == snapshot("""\

    ▾ ≡ tests   pytest -q                                       ███████░  41 passed  2 failed  2.4 s
                ✗ tests/test_0.py::test_it   ✗ tests/test_1.py::test_it   ✗ tests/test_2.py::test_it
                ✗ tests/test_3.py::test_it   ✗ tests/test_4.py::test_it   ✗ tests/test_5.py::test_it
                ✗ tests/test_6.py::test_it   ✗ tests/test_7.py::test_it   ✗ tests/test_8.py::test_it
                ✗ tests/test_9.py::test_it   ✗ tests/test_10.py::test_it
                ✗ tests/test_11.py::test_it
                … 2 more tests
    ▸ ≡ tests   pytest -q                                                 ████████  43 passed  2.4 s
    ▸ ≡ tests   pytest -q                                                 0 passed  - cut off  2.4 s
    ▸ ≡ tests   2 chosen  pytest -q                                                 ● running  3.0 s
""")
    assert told.text(160) == snapshot("""\

    ▾ ≡ tests   pytest -q
⤷                             ███████░  41 passed  2 failed  2.4 s
                ✗ tests/test_0.py::test_it   ✗ tests/test_1.py::test_it   ✗ tests/test_2.py::tes
⤷ t_it   ✗ tests/test_3.py::test_it   ✗ tests/test_4.py::test_it
                ✗ tests/test_5.py::test_it   ✗ tests/test_6.py::test_it   ✗ tests/test_7.py::tes
⤷ t_it   ✗ tests/test_8.py::test_it   ✗ tests/test_9.py::test_it
                ✗ tests/test_10.py::test_it   ✗ tests/test_11.py::test_it
                … 2 more tests
    ▸ ≡ tests   pytest -q
⤷                                       ████████  43 passed  2.4 s
    ▸ ≡ tests   pytest -q
⤷                                       0 passed  - cut off  2.4 s
    ▸ ≡ tests   2 chosen  pytest -q
⤷                                                 ● running  3.0 s
""")


def attempts() -> Teller:
    told = Teller()
    told.turn("x", kind="fix")
    told.tell(PhaseStarted(phase="propose", detail="rewrite: total in src/pricing.py"))
    told.tell(CandidatesScreened(tried=8, passed=2, failed=5, seconds=1.2))
    for number, verdict in enumerate(("failed", "regressed", "flaky", "refused", "not-run"), 1):
        told.attempt(number, "rewrite: total in src/pricing.py: f", verdict, "test_a fails: 1 != 2")
    told.tell(AttemptStarted(attempt=6, detail="work in a copy, with tools"))
    told.tell(StepStarted(step=1))
    call = ToolCall(id="c1", name="shell", arguments={"command": "pytest -q"})
    told.tell(ToolRequested(call=call))
    return told


def test_how_attempts_look_while_they_go_on() -> None:
    told = attempts()
    assert told.text(60) == snapshot("""\

────────────────────────────────────────────────────────────
 you   fix: x
────────────────────────────────────────────────────────────
    ▸ ↻ attempts  1 ✗ rewrite   2 ✗ rewrite            0.0 s
                  3 ✗ rewrite   4 ⊘ rewrite
                  5 - rewrite   6 ● working …
                  rewrite: total in src/pricing.py
        screened 8: 2 pass, 5 fail, 1 not decided      1.2 s
""")
    assert told.text(100) == snapshot("""\

────────────────────────────────────────────────────────────────────────────────────────────────────
 you   fix: x
────────────────────────────────────────────────────────────────────────────────────────────────────
    ▸ ↻ attempts  1 ✗ rewrite   2 ✗ rewrite   3 ✗ rewrite   4 ⊘ rewrite   5 - rewrite          0.0 s
                  6 ● working …
                  rewrite: total in src/pricing.py
        screened 8: 2 pass, 5 fail, 1 not decided                                              1.2 s
""")
    assert told.text(160) == snapshot("""\

────────────────────────────────────────────────────────────────────────────────────────────────
⤷ ────────────────────────────────────────────────────────────────
 you   fix: x
────────────────────────────────────────────────────────────────────────────────────────────────
⤷ ────────────────────────────────────────────────────────────────
    ▸ ↻ attempts  1 ✗ rewrite   2 ✗ rewrite   3 ✗ rewrite   4 ⊘ rewrite   5 - rewrite   6 ● work
⤷ ing …                                                      0.0 s
                  rewrite: total in src/pricing.py
        screened 8: 2 pass, 5 fail, 1 not decided
⤷                                                            1.2 s
""")


def test_opened_attempts_say_what_each_tried_and_why_it_fell() -> None:
    told = attempts()
    (card,) = [each for each in told.fold.cards if isinstance(each, AttemptsCard)]
    card.toggle()
    assert told.text(100) == snapshot("""\

────────────────────────────────────────────────────────────────────────────────────────────────────
 you   fix: x
────────────────────────────────────────────────────────────────────────────────────────────────────
    ▾ ↻ attempts  1 ✗ rewrite   2 ✗ rewrite   3 ✗ rewrite   4 ⊘ rewrite   5 - rewrite          0.0 s
                  6 ● working …
                  rewrite: total in src/pricing.py
        screened 8: 2 pass, 5 fail, 1 not decided                                              1.2 s
       1 ✗ failed  rewrite: total in src/pricing.py: f                                         0.3 s
           test_a fails: 1 != 2
       2 ✗ regressed  rewrite: total in src/pricing.py: f                                      0.3 s
           test_a fails: 1 != 2
       3 ✗ flaky  rewrite: total in src/pricing.py: f                                          0.3 s
           test_a fails: 1 != 2
       4 ⊘ refused  rewrite: total in src/pricing.py: f                                        0.3 s
           test_a fails: 1 != 2
       5 - not-run  rewrite: total in src/pricing.py: f                                        0.3 s
           test_a fails: 1 != 2
       6 ● working  work in a copy, with tools                                                 0.0 s
           step 1
           shell pytest -q
""")


def test_the_attempts_copy_as_the_winning_diff() -> None:
    told = Teller()
    repair(told)
    (card,) = [each for each in told.fold.cards if isinstance(each, AttemptsCard)]
    assert card.plain() == DIFF.rstrip("\n")


def test_what_newly_fails_opens_its_card_and_what_passes_does_not() -> None:
    told = Teller()
    told.check(newly_failing=("a",))
    told.check(newly_passing=("a",))
    assert [card.opened for card in told.fold.cards] == [True, False]
