"""Tries many rewritten functions on the same tests in one process (Python 3.8 and later).

It is only a screen and needs no trust: whoever uses it verifies what passed in a process of its
own. A wrong "passed" costs that time, a wrong "failed" loses one candidate, and what cannot be
decided here is unknown. After collection the process forks for each candidate; only the children
run tests, and with new code in functions that are already there. So a candidate sees nothing of the
ones before but the files that they wrote.
"""

# runs on the Pythons that projects use, so it is written for an older one than ours:
# mypy: ignore-errors
# ruff: noqa: B905, PTH123

import contextlib
import gc
import inspect
import json
import os
import re
import select
import signal
import sys
import time
import types
import warnings

_TIMES = 5  # as long as the targets took with the old code, a candidate may take
_LEAST, _MOST = 2.0, 30.0  # seconds, whatever they took
_SOON = 0.4  # seconds that one has at first: small changes of a loop often leave it without an end
_AGAIN = 10.0  # seconds for those that need longer, or as long as all took at first
_FIRST = 10.0  # seconds for the run with the old code
_WHOLE = 30.0  # seconds that all candidates may take, if each runs every target to its end
_MESSAGE = 2000  # characters
_KIND = re.compile(r"\w+")  # what a failure begins with: the exception, or `assert`
_MOST_WORKERS = 4  # that decide candidates at the same time
_EACH = 12  # candidates that are worth another one


class _Unknown(Exception):
    """The new code cannot be put in place of the old; the message says why."""


class Screen:
    """Sees the collection through, then decides the candidates, each a mapping path -> source."""

    def __init__(self, record, candidates, codes):
        self._record = record
        self._codes = codes  # the module
        self._candidates = candidates
        self._paths = {os.path.realpath(path) for each in candidates for path in each}
        self._ours = {}  # file name of code -> the path of a candidate, or None
        self._live = {}  # path -> (name, first line) -> the functions that have this code
        self._old = {}  # path -> what its file says
        self._early = set()  # the code of a candidate's file that ran before any test
        self._failed = None  # the report of the first phase that did not pass
        self._called = False
        self._upward = None  # where a process that sees to some candidates tells of them
        sys.settrace(self._saw_call)

    def saw(self, report):
        """Take in a report of the test that runs."""
        passed = report.outcome == "passed" and not hasattr(report, "wasxfail")
        self._called = self._called or (passed and report.when == "call")
        if not passed and self._failed is None:
            self._failed = report

    def run(self, session, test_id):
        """Decide the candidates on the items that were collected."""
        sys.settrace(None)
        if session.testsfailed or not session.items:
            return  # a target is not there, so nothing can be said of any candidate
        self._find()
        factory = getattr(session.config, "_tmp_path_factory", None)
        if factory is not None:
            factory.getbasetemp()  # one for all children, which this process cleans up
        with contextlib.suppress(Exception):  # a module that cannot be asked where it is from
            # the report of a failure asks all modules that, which is then known to every child
            inspect.getsource(json.dumps.__code__)

        # of a failure only the message counts, and this is the cheapest way to have it
        session.config.option.tbstyle = "native"
        to_the_end = True

        def test(candidate):
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")  # those of a compiler are no failure
                try:
                    early = self._replace(candidate)
                except SyntaxError as error:
                    return {"passed": False, "message": "does not parse: " + str(error)}
            verdict = self._tests(session, test_id, to_the_end)
            if early and verdict["passed"] is False:
                # what it did at import was done by the old code
                verdict.update(passed=None, message="it ran before the tests: " + early)
            return verdict

        began = time.monotonic()
        old = self._child(session.config, test, None, _FIRST)
        took = time.monotonic() - began
        said = old.pop("said", {})
        to_the_end = took * len(self._candidates) <= _WHOLE
        seconds = min(max(_LEAST, _TIMES * took), _MOST)

        def decided(number, seconds):
            if old["passed"]:
                return {"passed": None, "message": "the old code passes here too"}
            return self._child(session.config, test, self._candidates[number], seconds)

        soon = min(max(_SOON, _TIMES * took), seconds)
        for number, verdict in self._in_two_rounds(decided, soon, seconds):
            if verdict.pop("late", False):
                # without an end of the old code's run, nobody knows what is long
                verdict["passed"] = None if old.get("late") else False
            now = verdict.pop("said", {})
            first = verdict.get("test", "")
            if first in now and first in said:
                before, after = _KIND.match(said[first]), _KIND.match(now[first])
                kind = before and after and before[0] == after[0]
                verdict["moved"] = bool(kind and now[first] != said[first])
            self._record(type="screened", number=number, **verdict)

    # -- in the process that forks

    def _in_two_rounds(self, decided, soon, seconds):
        """Yield what `_side_by_side` does; of what is late once more, when all are decided."""
        late = []
        began = time.monotonic()
        everyone = range(len(self._candidates))
        for number, verdict in self._side_by_side(lambda each: decided(each, soon), everyone):
            if verdict.get("late") and soon < seconds:
                late.append(number)
            yield number, verdict
        now = time.monotonic()
        until = now + max(_AGAIN, now - began)

        def again(number):
            return decided(number, seconds) if time.monotonic() < until else None

        for number, verdict in self._side_by_side(again, sorted(late)):
            if verdict is not None:
                yield number, verdict

    def _side_by_side(self, decided, numbers):
        """Yield the numbers of candidates with their verdicts, as they come.

        Where there are many, processes of their own see to them, one a core: two tests that want
        the same file or port at once may then fail a candidate, which costs no more than that.
        """
        workers = min(os.cpu_count() or 1, _MOST_WORKERS, len(numbers) // _EACH)
        if workers < 2:
            for number in numbers:
                yield number, decided(number)
            return
        started, unread = {}, {}
        for worker in range(workers):
            reading, writing = os.pipe()
            child = _fork()
            if not child:
                os.close(reading)
                self._upward = writing
                _work(writing, decided, numbers[worker::workers])
            os.close(writing)
            started[reading], unread[reading] = child, b""
        try:
            while unread:
                for reading in select.select(list(unread), [], [])[0]:
                    data = os.read(reading, 1 << 16)
                    *lines, unread[reading] = (unread[reading] + data).split(b"\n")
                    for line in lines:
                        yield tuple(json.loads(line.decode("ascii")))
                    if not data:
                        del unread[reading]
        finally:
            for reading, child in started.items():
                os.close(reading)
                _kill(os.kill, child)
                os.waitpid(child, 0)

    def _saw_call(self, frame, event, argument):
        code = frame.f_code
        if self._path(code) is not None:
            self._early.add((code.co_name, code.co_firstlineno))

    def _path(self, code):
        name = code.co_filename
        if name not in self._ours:
            path = os.path.realpath(name)
            self._ours[name] = path if path in self._paths else None
        return self._ours[name]

    def _find(self):
        for each in gc.get_objects():
            if isinstance(each, types.FunctionType) and self._path(each.__code__) is not None:
                code = each.__code__
                live = self._live.setdefault(self._path(code), {})
                live.setdefault((code.co_name, code.co_firstlineno), []).append(each)
        for path in self._live:
            # as those that are to be replaced have it
            filename = next(iter(self._live[path].values()))[0].__code__.co_filename
            with open(path, "rb") as file:
                self._old[path] = self._codes.Source(file.read(), filename)

    def _child(self, config, test, candidate, seconds):
        """Return the verdict of a child of this process, which is killed at its end."""
        reading, writing = os.pipe()
        child = _fork()
        if not child:
            if self._upward is not None:
                os.close(self._upward)  # what it leaves behind would hold it open
            _end(writing, config, lambda: test(candidate))
        os.close(writing)
        told, gone, late = b"", None, False
        poll = select.poll()
        poll.register(reading, select.POLLIN)
        deadline = time.monotonic() + seconds
        try:
            while not told.endswith(b"\n") and not late:
                if gone is None:
                    done, status = os.waitpid(child, os.WNOHANG)
                    gone = status if done else None
                if poll.poll(0 if gone is not None else 50):
                    data = os.read(reading, 1 << 16)
                    if not data:
                        break
                    told += data
                elif gone is not None:
                    break  # another process of it holds the pipe
                late = time.monotonic() > deadline
        finally:
            os.close(reading)
            _kill(os.killpg, child)
            if gone is None:
                _kill(os.kill, child)
                os.waitpid(child, 0)
        try:
            return json.loads(told.decode("ascii"))
        except ValueError:
            message = f"no end within {round(seconds, 1):g} s" if late else "left the process"
            return {"passed": False, "message": message, "late": late}

    # -- in the child

    def _replace(self, candidate):
        """Put the new code in place; return the name of a changed function that ran before."""
        early = ""
        for path, text in (candidate or {}).items():
            live = self._live.get(os.path.realpath(path))
            if text is None or live is None:
                raise _Unknown("not loaded: " + path)
            old = self._old[os.path.realpath(path)]
            new = self._codes.Source(text.encode("latin-1"), old.filename)
            if old.rest != new.rest:
                raise _Unknown("changes a signature or what runs at import")
            for (before, lines), (after, others) in zip(old.functions, new.functions):
                if lines != others:
                    if before is None or after is None:
                        raise _Unknown("no code for a function of " + path)
                    pairs = list(self._codes.pairs(before, after))
                    self._put(pairs, live)
                    early = early or self._ran_early(pairs)
        return early

    def _ran_early(self, pairs):
        for old, new in pairs:
            changed = new is None or self._codes.own(old) != self._codes.own(new)
            if changed and (old.co_name, old.co_firstlineno) in self._early:
                return old.co_name
        return ""

    def _put(self, pairs, live):
        keys = [(old.co_name, old.co_firstlineno) for old, _ in pairs]
        if not live.get(keys[0]):
            raise _Unknown("not loaded: " + keys[0][0])
        for key, (old, new) in zip(keys, pairs):
            for function in live.get(key, ()):
                code = function.__code__
                if code is new or (keys.count(key) > 1 and code != old):
                    continue
                # by name: the cells of a closure stay, and the new code takes them in their order
                if new is None or code.co_freevars != new.co_freevars:
                    raise _Unknown("another closure: " + key[0])
                function.__code__ = new

    def _tests(self, session, test_id, to_the_end):
        verdict = {"passed": True, "passes": 0, "said": {}}
        for item, following in zip(session.items, [*session.items[1:], None]):
            self._failed, self._called = None, False
            try:
                session.config.hook.pytest_runtest_protocol(item=item, nextitem=following)
                message = _words(self._failed)
            except BaseException as error:  # pytest.exit, an interrupt
                message, self._called = repr(error), False
            if self._failed is None and self._called:
                verdict["passes"] += 1
                continue
            if verdict["passed"]:
                verdict.update(passed=False, test=test_id(item.nodeid), message=message)
            verdict["said"][test_id(item.nodeid)] = message
            if not to_the_end:
                break
        return verdict


def _fork():
    sys.stdout.flush()
    sys.stderr.flush()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of threads; a child that waits for one is killed
        return os.fork()


def _work(writing, decided, numbers):
    """Decide these candidates, tell the parent of each, and leave without any other end."""
    try:
        for number in numbers:
            line = json.dumps([number, decided(number)]).encode("ascii") + b"\n"
            while line:
                line = line[os.write(writing, line) :]
    finally:
        os._exit(0)


def _kill(kill, process):
    with contextlib.suppress(OSError):  # it is gone
        kill(process, signal.SIGKILL)


def _words(report):
    if report is None:
        return "it did not run"
    crash = getattr(report.longrepr, "reprcrash", None)
    return str(crash.message if crash is not None else report.longrepr)[:_MESSAGE]


def _end(writing, config, test):
    """Tell the parent what came of the tests, and leave without any other end."""
    # kept by their own names: tests replace functions of os and json
    write, leave, dumps, getpid = os.write, os._exit, json.dumps, os.getpid
    mine = getpid()
    try:
        os.setsid()
        _hush(config)
        verdict = test()
    except BaseException as error:
        verdict = {"passed": None, "message": str(error) or repr(error)}
    finally:
        try:
            if getpid() == mine:  # a test may have forked, and both go on
                write(writing, dumps(verdict).encode("ascii") + b"\n")
        finally:
            leave(0)


def _hush(config):
    """Have nothing printed, and what is captured kept apart from that of the other children."""
    capture = config.pluginmanager.getplugin("capturemanager")
    if capture is not None:
        capture.stop_global_capturing()
    null = os.open(os.devnull, os.O_RDWR)
    os.dup2(null, 1)
    os.dup2(null, 2)
    if capture is not None:
        capture.start_global_capturing()
        capture.suspend_global_capture()
