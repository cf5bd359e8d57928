"""Many candidates tried in forks of one pytest: who passes, who fails, who cannot be told."""

from __future__ import annotations

import pytest

from tests.tools.bench import Bench
from tests.tools.running import PYTEST, checked
from tests.tools.screening import LIB, RIGHT, TEST, T, screened, verdicts
from tools.report import Screened
from tools.runners.command import ShellCommand
from tools.runners.unittest import Unittest


async def test_right_and_wrong_are_told_apart_and_nothing_is_proved(bench: Bench) -> None:
    report = await screened(bench, "def add(a, b):\n    return a * b\n", RIGHT, LIB + "\n")
    wrong, right, same = report.screened
    assert wrong == Screened(
        number=0, passed=False, test=T[0], message="assert 2 == 3", moved=True
    )  # said by pytest of the new code
    assert right == Screened(number=1, passed=True, passes=1)
    assert same == Screened(number=2, passed=False, test=T[0], message="assert -1 == 3")
    assert (report.complete, report.green, report.tests) == (False, False, {})
    assert (bench.root / "lib.py").read_text() == LIB


async def test_what_does_not_parse_fails(bench: Bench) -> None:
    report = await screened(bench, "def add(a, b:\n")
    assert verdicts(report) == [False]
    assert "was never closed" in report.screened[0].message


async def test_what_cannot_be_put_in_place_is_unknown(bench: Bench) -> None:
    texts = {
        "def add(a, b=5):\n    return a + b\n": "changes a signature",
        "def add(b, a):\n    return a + b\n": "changes a signature",
        "import os\n" + RIGHT: "changes a signature or what runs at import",
        "async def add(a, b):\n    return a + b\n": "changes a signature",
    }
    report = await screened(bench, *texts)
    assert verdicts(report) == [None] * len(texts)
    for each, why in zip(report.screened, texts.values(), strict=True):
        assert why in each.message


@pytest.mark.parametrize(
    ("lib", "text", "why"),
    [
        (
            "SIGN = -1\nclass Sums:\n    sign = SIGN\ndef add(a, b):\n    return a + Sums.sign*b\n",
            "SIGN = -1\nclass Sums:\n    sign = 1\ndef add(a, b):\n    return a + Sums.sign*b\n",
            "changes a signature or what runs at import",
        ),
        (
            "def maker(s, t):\n    def add(a, b):\n        return a + s * b\n"
            "    return add\nadd = maker(-1, 1)\n",
            "def maker(s, t):\n    def add(a, b):\n        return a + t * b\n"
            "    return add\nadd = maker(-1, 1)\n",
            "another closure: add",
        ),
        (
            "def sign():\n    return -1\nSIGN = sign()\ndef add(a, b):\n    return a + SIGN * b\n",
            "def sign():\n    return 1\nSIGN = sign()\ndef add(a, b):\n    return a + SIGN * b\n",
            "it ran before the tests: sign",
        ),
    ],
)
async def test_what_was_made_at_import_is_unknown(
    bench: Bench, lib: str, text: str, why: str
) -> None:
    report = await screened(bench, text, lib=lib)
    assert verdicts(report) == [None]
    assert why in report.screened[0].message


async def test_annotations_do_not_make_another_signature(bench: Bench) -> None:
    text = 'def add(a: int, b: "int") -> int:\n    """Add."""\n    return a + b\n'
    assert verdicts(await screened(bench, text)) == [True]


async def test_a_module_that_only_the_test_imports_is_unknown(bench: Bench) -> None:
    test = "def test_add():\n    from lib import add\n    assert add(1, 2) == 3\n"
    report = await screened(bench, RIGHT, test=test)
    assert verdicts(report) == [None]
    assert "not loaded" in report.screened[0].message


LEAVES = """
def add(a, b):
    import os, signal, sys, json
    {}
    return a - b
"""


LEAVING = (
    ("while True: pass", "no end within 2 s"),
    ("print('x' * 1000); import time; time.sleep(100)", "no end within 2 s"),
    ("import threading; lock = threading.Lock(); lock.acquire(); lock.acquire()", "no end"),
    ("os._exit(0)", "left the process"),
    ("os.kill(os.getpid(), signal.SIGKILL)", "left the process"),
    ("os.closerange(3, 100); os._exit(0)", "left the process"),
    ("os.fork() and os._exit(0); os.setsid(); import time; time.sleep(100)", "left"),
    ("sys.exit(0)", "SystemExit: 0"),
    ("raise KeyboardInterrupt", "KeyboardInterrupt"),
    ("import pytest; pytest.exit('enough', 0)", "enough"),
    ("import pytest; pytest.skip('no')", "no"),
    ("import pytest; pytest.xfail('no')", "no"),
    ("os.fork()", "assert -1 == 3"),
    ("json.dumps = os.write = lambda *rest: b'{\"passed\": true}'", "assert -1 == 3"),
)


async def test_a_candidate_that_leaves_or_hangs_fails_and_the_next_is_tried(bench: Bench) -> None:
    texts = [text for what, _ in LEAVING for text in (LEAVES.format(what), RIGHT)]
    report = await screened(bench, *texts)
    assert verdicts(report) == [False, True] * len(LEAVING), report.screened
    for (what, why), each in zip(LEAVING, report.screened[::2], strict=True):
        assert why in each.message, what


async def test_a_candidate_that_kills_its_parent_ends_the_screen_without_a_pass(
    bench: Bench,
) -> None:
    text = LEAVES.format("os.kill(os.getppid(), signal.SIGKILL)")
    assert verdicts(await screened(bench, RIGHT, text, RIGHT)) == [True]


async def test_a_candidate_that_writes_into_the_report_passes_nobody(bench: Bench) -> None:
    text = """
    def add(a, b):
        import glob, json
        for path in glob.glob('/tmp/wisp-check-*/report.jsonl'):
            with open(path, 'a') as report:
                for number in range(3):
                    row = {"type": "screened", "number": number, "passed": True}
                    report.write('0' * 64 + ' ' + json.dumps(row) + '\\n')
        return 0
    """
    wrong = "def add(a, b):\n    return 0\n"
    assert verdicts(await screened(bench, wrong, text, wrong)) == [False]


async def test_candidates_do_not_see_what_others_did(bench: Bench) -> None:
    lib = "SEEN = []\n\ndef add(a, b):\n    return len(SEEN)\n"
    counting = "SEEN = []\n\ndef add(a, b):\n    SEEN.append(a)\n    return 2 + len(SEEN)\n"
    again = counting.replace("append(a)", "append(b)")
    assert verdicts(await screened(bench, counting, again, counting, lib=lib)) == [True] * 3


async def test_all_targets_must_pass_and_the_first_that_does_not_is_named(bench: Bench) -> None:
    test = """
    import pytest
    from lib import add

    @pytest.fixture(scope="session")
    def made(tmp_path_factory):
        made = tmp_path_factory.mktemp("made")
        (made / "count").write_text("")
        yield made
        assert (made / "count").read_text() == "xx"

    @pytest.mark.parametrize("b", [0, 2])
    def test_add(made, tmp_path, b):
        (made / "count").write_text((made / "count").read_text() + "x")
        assert not list(tmp_path.iterdir())
        (tmp_path / "here").touch()
        assert add(1, b) == 1 + b
    def test_other():
        assert 0
    """
    half = "def add(a, b):\n    return a * (b + 1) + 9 * (b == 2)\n"
    report = await screened(bench, half, RIGHT, half, test=test)
    assert verdicts(report) == [False, True, False]
    assert report.screened[0].test == "test_lib.py::test_add[2]"
    everything = await screened(bench, RIGHT, test=test, targets=("test_lib.py",))
    assert everything.screened[0].test == "test_lib.py::test_other"


async def test_a_teardown_that_fails_is_a_failure(bench: Bench) -> None:
    test = """
    import pytest, lib
    @pytest.fixture(scope="module")
    def made():
        yield
        assert lib.add(2, 2) == 5
    def test_add(made): assert lib.add(1, 2) == 3
    """
    report = await screened(bench, RIGHT, test=test)
    assert verdicts(report) == [False]


async def test_a_warning_is_an_error_where_the_project_says_so(bench: Bench) -> None:
    warns = "def add(a, b):\n    import warnings\n    warnings.warn('x')\n    return a + b\n"
    ini = "[pytest]\nfilterwarnings = error\n"
    assert verdicts(await screened(bench, warns, RIGHT, pytest__ini=ini)) == [False, True]


async def test_nothing_can_be_said_where_the_old_code_passes_or_a_target_is_not_there(
    bench: Bench,
) -> None:
    report = await screened(bench, LIB + "\n", lib=RIGHT)
    assert verdicts(report) == [None]
    assert "the old code passes" in report.screened[0].message
    assert (await screened(bench, RIGHT, targets=("test_lib.py::test_none",))).screened == ()
    broken = await screened(bench, RIGHT, test="import missing\n" + TEST, targets=("test_lib.py",))
    assert broken.screened == ()


@pytest.mark.parametrize(
    "options",
    [
        ("-p", "xdist", "-n", "2"),
        ("-p", "pytest_timeout", "--timeout", "1", "--timeout-method", "thread"),
        ("-p", "pytest_timeout", "--timeout", "1"),
        ("-p", "pytest_asyncio.plugin", "--asyncio-mode", "auto"),
        ("-s", "-x", "--tb=no"),
    ],
)
async def test_plugins_and_options_of_a_project_do_not_break_it(
    bench: Bench, options: tuple[str, ...]
) -> None:
    asynchronous = "async def test_add(): assert add(1, 2) == 3\n"
    test = TEST if "--asyncio-mode" not in options else "from lib import add\n" + asynchronous
    slow = "def add(a, b):\n    import time\n    time.sleep(1.5)\n    return 0\n"
    report = await screened(bench, slow, RIGHT, options=options, test=test)
    assert verdicts(report) == [False, True], (report.screened, report.output)


ASKED = """
import os, sys, types

class Asked(types.ModuleType):
    @property
    def __file__(self):
        with open("asked", "a") as file:
            print(os.getpid(), file=file)
        return "/nowhere/asked.py"

sys.modules["asked"] = Asked("asked")
"""


async def test_what_all_modules_are_asked_for_a_report_no_child_asks_again(bench: Bench) -> None:
    wrong = (f"def add(a, b):\n    return {each}\n" for each in "ab")
    assert verdicts(await screened(bench, *wrong, conftest__py=ASKED)) == [False, False]
    assert len(set((bench.root / "asked").read_text().split())) == 1


async def test_nothing_that_candidates_print_is_in_the_output(bench: Bench) -> None:
    text = LEAVES.format("print('here'); os.write(1, b'here'); os.write(2, b'here')")
    for options in ((), ("-s",)):
        report = await screened(bench, text, options=options)
        assert verdicts(report) == [False]
        assert "here" not in report.output


async def test_other_encodings_and_a_file_that_would_go(bench: Bench) -> None:
    head = "# -*- coding: latin-1 -*-\r\nNAME = 'é'\r\n"
    right = (head + RIGHT.replace("\n", "\r\n")).encode("latin-1")
    runner = PYTEST.screening([{"lib.py": right}, {"lib.py": None}, {"none.py": b""}, {}])
    assert runner is not None
    (bench.root / "lib.py").write_bytes((head + LIB.replace("\n", "\r\n")).encode("latin-1"))
    report = await checked(bench, runner, {"test_lib.py": TEST}, T)
    assert verdicts(report) == [True, None, None, False]


def test_only_pytest_screens() -> None:
    proposal = [{"a.py": b""}]
    assert Unittest("python").screening(proposal) is None
    assert ShellCommand("true", "/bin/sh").screening(proposal) is None
    assert PYTEST.screening([]) is None
    found = PYTEST.screening(proposal)
    assert found is not None and found.command == PYTEST.command


async def test_many_candidates_are_decided_side_by_side_each_as_if_alone(bench: Bench) -> None:
    texts = [f"def add(a, b):\n    return a + b + {number % 3}\n" for number in range(40)]
    report = await screened(bench, *texts)
    assert verdicts(report) == [number % 3 == 0 for number in range(40)]
    assert {each.message for each in report.screened} == {"", "assert 4 == 3", "assert 5 == 3"}


async def test_what_takes_long_is_tried_again_with_more_time(bench: Bench) -> None:
    slow = "import time\n\ndef add(a, b):\n    time.sleep(0.7)\n    return a + b\n"
    endless = "import time\n\ndef add(a, b):\n    while True: pass\n"
    report = await screened(bench, endless, slow, lib="import time\n\n" + LIB)
    assert verdicts(report) == [False, True]
