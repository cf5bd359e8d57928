"""What turns come to: the proof and the plain end, at three widths."""

from __future__ import annotations

from inline_snapshot import snapshot

from agent.events import BytesLeft, Tally, Verification
from tests.tui.told import DIFF, Teller, verified
from tools.base import ToolResult


def ends() -> Teller:
    told = Teller()
    told.turn("just a question")
    told.tell(BytesLeft(to="api.example.com", count=12_400))
    told.end()
    told.turn("change it")
    told.call("edit", ToolResult(text="ok", diff=DIFF), by="harness", path="a.py")
    why = Verification(reason="no check is known for this project")
    told.end("unverified", changed=("a.py",), verification=why)
    worse = Verification(
        reason="a test fails that passed before",
        before=Tally(passed=3),
        after=Tally(passed=2, failed=1),
        newly_failing=("test_a.py::test_it",),
        runs=1,
        seconds=2.0,
    )
    told.turn("again")
    told.end("unverified", changed=("a.py", "b.py"), verification=worse)
    return told


def test_how_turns_end() -> None:
    told = ends()
    assert told.text(60) == snapshot("""\

────────────────────────────────────────────────────────────
 you   just a question
────────────────────────────────────────────────────────────
    0.2 s · 1,840 tokens · $0.00 · 12,400 bytes left this
    machine, to api.example.com

────────────────────────────────────────────────────────────
 you   change it
────────────────────────────────────────────────────────────
    ▸ ✎ edit    a.py  by the harness            +1 -1  0.4 s
 ┌ ▸ not proved ───────────────────────────────────────────┐
 │ 1 file, +1 -1                                           │
 │ - unverified: no check is known for this project        │
 │ type: /check                                            │
 │ 0.8 s · 1,840 tokens · $0.00                            │
 │ nothing left this machine                               │
 └─────────────────────────────────────────────────────────┘

────────────────────────────────────────────────────────────
 you   again
────────────────────────────────────────────────────────────
 ┌ ▾ not proved ───────────────────────────────────────────┐
 │ before 3 ✓ 0 ✗   →   after 2 ✓ 1 ✗    once, 2.0 s       │
 │ 2 files                                                 │
 │ - unverified: a test fails that passed before           │
 │ type: /check                                            │
 │ 0.1 s · 1,840 tokens · $0.00                            │
 │ nothing left this machine                               │
 │   ✗ test_a.py::test_it                                  │
 │   a.py                                                  │
 │   b.py                                                  │
 └─────────────────────────────────────────────────────────┘
""")
    assert told.text(100) == snapshot("""\

────────────────────────────────────────────────────────────────────────────────────────────────────
 you   just a question
────────────────────────────────────────────────────────────────────────────────────────────────────
    0.2 s · 1,840 tokens · $0.00 · 12,400 bytes left this machine, to api.example.com

────────────────────────────────────────────────────────────────────────────────────────────────────
 you   change it
────────────────────────────────────────────────────────────────────────────────────────────────────
    ▸ ✎ edit    a.py  by the harness                                                    +1 -1  0.4 s
 ┌ ▸ not proved ───────────────────────────────────────────────────────────────────────────────────┐
 │ 1 file, +1 -1                                                                                   │
 │ - unverified: no check is known for this project · type: /check                                 │
 │ 0.8 s · 1,840 tokens · $0.00 · nothing left this machine                                        │
 └─────────────────────────────────────────────────────────────────────────────────────────────────┘

────────────────────────────────────────────────────────────────────────────────────────────────────
 you   again
────────────────────────────────────────────────────────────────────────────────────────────────────
 ┌ ▾ not proved ───────────────────────────────────────────────────────────────────────────────────┐
 │ before 3 ✓ 0 ✗   →   after 2 ✓ 1 ✗    once, 2.0 s    2 files                                    │
 │ - unverified: a test fails that passed before · type: /check                                    │
 │ 0.1 s · 1,840 tokens · $0.00 · nothing left this machine                                        │
 │   ✗ test_a.py::test_it                                                                          │
 │   a.py                                                                                          │
 │   b.py                                                                                          │
 └─────────────────────────────────────────────────────────────────────────────────────────────────┘
""")
    assert told.text(160) == snapshot("""\

────────────────────────────────────────────────────────────────────────────────────────────────
⤷ ────────────────────────────────────────────────────────────────
 you   just a question
────────────────────────────────────────────────────────────────────────────────────────────────
⤷ ────────────────────────────────────────────────────────────────
    0.2 s · 1,840 tokens · $0.00 · 12,400 bytes left this machine, to api.example.com

────────────────────────────────────────────────────────────────────────────────────────────────
⤷ ────────────────────────────────────────────────────────────────
 you   change it
────────────────────────────────────────────────────────────────────────────────────────────────
⤷ ────────────────────────────────────────────────────────────────
    ▸ ✎ edit    a.py  by the harness
⤷                                                     +1 -1  0.4 s
 ┌ ▸ not proved ────────────────────────────────────────────────────────────────────────────────
⤷ ───────────────────────────────────────────────────────────────┐
 │ 1 file, +1 -1
⤷                                                                │
 │ - unverified: no check is known for this project · type: /check
⤷                                                                │
 │ 0.8 s · 1,840 tokens · $0.00 · nothing left this machine
⤷                                                                │
 └──────────────────────────────────────────────────────────────────────────────────────────────
⤷ ───────────────────────────────────────────────────────────────┘

────────────────────────────────────────────────────────────────────────────────────────────────
⤷ ────────────────────────────────────────────────────────────────
 you   again
────────────────────────────────────────────────────────────────────────────────────────────────
⤷ ────────────────────────────────────────────────────────────────
 ┌ ▾ not proved ────────────────────────────────────────────────────────────────────────────────
⤷ ───────────────────────────────────────────────────────────────┐
 │ before 3 ✓ 0 ✗   →   after 2 ✓ 1 ✗    once, 2.0 s    2 files
⤷                                                                │
 │ - unverified: a test fails that passed before · type: /check
⤷                                                                │
 │ 0.1 s · 1,840 tokens · $0.00 · nothing left this machine
⤷                                                                │
 │   ✗ test_a.py::test_it
⤷                                                                │
 │   a.py
⤷                                                                │
 │   b.py
⤷                                                                │
 └──────────────────────────────────────────────────────────────────────────────────────────────
⤷ ───────────────────────────────────────────────────────────────┘
""")


def test_an_opened_proof_names_tests_and_files() -> None:
    told = Teller()
    told.turn("x")
    told.end(changed=("src/pricing.py",), verification=verified())
    told.fold.cards[-1].toggle()
    assert told.text(80) == snapshot("""\

────────────────────────────────────────────────────────────────────────────────
 you   x
────────────────────────────────────────────────────────────────────────────────
 ┌ ▾ proof ────────────────────────────────────────────────────────────────────┐
 │ before 41 ✓ 2 ✗   →   after 43 ✓ 0 ✗    twice, 6.1 s    1 file              │
 │ ✓ verified: tests                                                           │
 │ 0.1 s · 1,840 tokens · $0.00 · nothing left this machine                    │
 │   ✓ test_totals.py::test_zero_discount   ✓ test_totals.py::test_no_discount │
 │   src/pricing.py                                                            │
 └─────────────────────────────────────────────────────────────────────────────┘
""")
