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

import ast
import contextlib
import gc
import json
import os
import select
import signal
import sys
import time
import types
import warnings

_TIMES = 5  # as long as the targets took with the old code, a candidate may take
_LEAST, _MOST = 2.0, 30.0  # seconds, whatever they took
_FIRST = 10.0  # seconds for the run with the old code
_MESSAGE = 2000  # characters
_OPTIMIZED = 1  # CO_OPTIMIZED: the code of a function, not of a module or a class


class _Unknown(Exception):
    """The new code cannot be put in place of the old; the message says why."""


class _Hollow(ast.NodeTransformer):
    """Takes the bodies, and the types, out of the outermost functions of a file."""

    def __init__(self):
        self.found = []  # (name, first line, last line)

    def visit_FunctionDef(self, node):
        first = min([node.lineno] + [each.lineno for each in node.decorator_list])
        self.found.append((node.name, first, node.end_lineno))
        node.body, node.returns = [], None
        for argument in ast.walk(node.args):
            if isinstance(argument, ast.arg):
                argument.annotation = None
        return node

    visit_AsyncFunctionDef = visit_FunctionDef


class _Source:
    """A text of a file: the code of its outermost functions, and all else that it says."""

    def __init__(self, data, filename):
        tree = compile(data, filename, "exec", ast.PyCF_ONLY_AST, dont_inherit=True)
        self.filename = filename
        codes = {}
        bodies = [compile(tree, filename, "exec", dont_inherit=True)]
        for body in bodies:
            for code in _inner(body):
                # the parameters of a generic function are a function around it
                if code.co_flags & _OPTIMIZED and not code.co_name.startswith("<generic"):
                    codes[code.co_name, code.co_firstlineno] = code
                else:
                    bodies.append(code)
        hollow = _Hollow()
        self.rest = ast.dump(hollow.visit(tree))
        lines = data.splitlines()
        self.functions = [
            (codes.get((name, first)), lines[first - 1 : last])
            for name, first, last in hollow.found
        ]


def _inner(code):
    return [const for const in code.co_consts if isinstance(const, types.CodeType)]


def _own(code):
    """Return what a function does itself, without those within it."""
    consts = [repr(each) for each in code.co_consts if not isinstance(each, types.CodeType)]
    return code.co_code, consts, code.co_names, code.co_varnames, code.co_freevars


def _pairs(old, new):
    """Yield the code of a function and of those within it, each with what takes its place."""
    yield old, new
    theirs = _by_name(new) if new is not None else {}
    for key, code in _by_name(old).items():
        yield from _pairs(code, theirs.get(key))


def _by_name(code):
    found = {}
    for inner in _inner(code):
        count = sum(name == inner.co_name for name, _ in found)
        found[inner.co_name, count] = inner
    return found


class Screen:
    """Sees the collection through, then decides the candidates, each a mapping path -> source."""

    def __init__(self, record, candidates):
        self._record = record
        self._candidates = candidates
        self._paths = {os.path.realpath(path) for each in candidates for path in each}
        self._ours = {}  # file name of code -> the path of a candidate, or None
        self._live = {}  # path -> (name, first line) -> the functions that have this code
        self._old = {}  # path -> what its file says
        self._early = set()  # the code of a candidate's file that ran before any test
        self._failed = None  # the report of the first phase that did not pass
        self._called = False
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

        def test(candidate):
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")  # those of a compiler are no failure
                try:
                    early = self._replace(candidate)
                except SyntaxError as error:
                    return {"passed": False, "message": "does not parse: " + str(error)}
            verdict = self._tests(session, test_id, candidate is None)
            if early and verdict["passed"] is False:
                # what it did at import was done by the old code
                verdict.update(passed=None, message="it ran before the tests: " + early)
            return verdict

        began = time.monotonic()
        old = self._child(session.config, test, None, _FIRST)
        took = time.monotonic() - began
        seconds = min(max(_LEAST, _TIMES * took), _MOST)
        for number, candidate in enumerate(self._candidates):
            if old["passed"]:
                verdict = {"passed": None, "message": "the old code passes here too"}
            else:
                verdict = self._child(session.config, test, candidate, seconds)
            if verdict.pop("late", False):
                # without an end of the old code's run, nobody knows what is long
                verdict["passed"] = None if old.get("late") else False
            self._record(type="screened", number=number, **verdict)

    # -- in the process that forks

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
                self._old[path] = _Source(file.read(), filename)

    def _child(self, config, test, candidate, seconds):
        """Return the verdict of a child of this process, which is killed at its end."""
        sys.stdout.flush()
        sys.stderr.flush()
        reading, writing = os.pipe()
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # of threads; a child that waits for one is killed
            child = os.fork()
        if not child:
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
            message = f"no end within {seconds:.0f} s" if late else "left the process"
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
            new = _Source(text.encode("latin-1"), old.filename)
            if old.rest != new.rest:
                raise _Unknown("changes a signature or what runs at import")
            for (before, lines), (after, others) in zip(old.functions, new.functions):
                if lines != others:
                    if before is None or after is None:
                        raise _Unknown("no code for a function of " + path)
                    pairs = list(_pairs(before, after))
                    self._put(pairs, live)
                    early = early or self._ran_early(pairs)
        return early

    def _ran_early(self, pairs):
        for old, new in pairs:
            changed = new is None or _own(old) != _own(new)
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
        verdict = {"passed": True}
        for item, following in zip(session.items, [*session.items[1:], None]):
            self._failed, self._called = None, False
            try:
                session.config.hook.pytest_runtest_protocol(item=item, nextitem=following)
                message = _words(self._failed)
            except BaseException as error:  # pytest.exit, an interrupt
                message, self._called = repr(error), False
            if self._failed is not None or not self._called:
                verdict = {"passed": False, "test": test_id(item.nodeid), "message": message}
                if not to_the_end:
                    break
        return verdict


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
