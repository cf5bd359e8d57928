"""Runs pytest and records what each test did (any pytest since 6, Python 3.8 and later)."""

# runs on the Pythons that projects use, so it is written for an older one than ours:
# mypy: ignore-errors
# ruff: noqa: PTH109, PTH118, PTH123

import os
import sys
import types

_LONGEST = 20000  # characters of one traceback


def _reporter(pytest, record, targets, trace, screen):
    """Make the plugin that records; the user's own options stay, but for those that hide tests."""

    class Reporter:
        root = None
        failed = False  # whether the test that runs has failed
        held = False  # whether its call has passed, as it should

        def _id(self, nodeid):
            # ids are relative to pytest's rootdir; ours to where we were started
            if self.root is None:
                return nodeid
            path, mark, rest = nodeid.partition("::")
            return os.path.relpath(os.path.join(self.root, path)).replace(os.sep, "/") + mark + rest

        @pytest.hookimpl(hookwrapper=True, tryfirst=True)
        def pytest_load_initial_conftests(self, early_config, parser, args):
            # a part of the tests covers a part of the code: its threshold would fail the run
            if early_config.pluginmanager.hasplugin("pytest_cov"):
                args.append("--no-cov")
            yield

        @pytest.hookimpl(hookwrapper=True, tryfirst=True)
        def pytest_cmdline_main(self, config):
            option = config.option
            option.showlocals = False
            option.fulltrace = False
            root = str(getattr(config, "rootpath", config.rootdir))
            if os.path.realpath(root) != os.path.realpath(os.getcwd()):
                self.root = root
            if targets:
                config.args[:] = targets
            if (targets or trace is not None) and hasattr(option, "numprocesses"):
                # starting workers costs more than a few tests, and what they run is not seen
                option.numprocesses = 0
            yield

        def _collected(self, ids):
            record(type="collected", ids=[self._id(nodeid) for nodeid in ids])

        @pytest.hookimpl(trylast=True)
        def pytest_collection_finish(self, session):
            self._collected([item.nodeid for item in session.items])

        @pytest.hookimpl(optionalhook=True)
        def pytest_xdist_node_collection_finished(self, node, ids):
            self._collected(ids)

        def pytest_collectreport(self, report):
            if report.outcome != "passed":
                self._phase(report, "collect")

        @pytest.hookimpl(tryfirst=True)
        def pytest_runtestloop(self, session):
            if screen is None:
                return None
            screen.run(session, self._id)
            return True  # in place of pytest's own

        @pytest.hookimpl(hookwrapper=True, tryfirst=True)
        def pytest_runtest_protocol(self, item, nextitem):
            self.failed = self.held = False
            if trace is not None:
                trace.begin()
            yield
            if trace is not None:
                guard = self.held and not self.failed
                trace.end(self.failed, self._id(item.nodeid) if guard else None)

        def pytest_runtest_logstart(self, nodeid, location):
            record(type="start", id=self._id(nodeid))

        def pytest_runtest_logreport(self, report):
            if screen is not None:
                screen.saw(report)
            self._phase(report, report.when)

        def _phase(self, report, when):
            fields = {"type": "phase", "id": self._id(report.nodeid), "when": when}
            fields["outcome"] = "xfail" if hasattr(report, "wasxfail") else report.outcome
            self.failed = self.failed or report.outcome == "failed"
            self.held = self.held or (when == "call" and fields["outcome"] == "passed")
            if report.outcome == "failed" and report.longrepr is not None:
                crash = getattr(report.longrepr, "reprcrash", None)
                fields["trace"] = str(report.longrepr)[-_LONGEST:]
                if crash is not None:
                    fields["message"] = str(crash.message)[:2000]
            record(**fields)

    return Reporter()


def _cache_is_off(arguments):
    """Whether the project goes without pytest's cache; its folder is then an unknown setting."""
    off = "no:cacheprovider"
    for name in ("pytest.ini", ".pytest.ini", "pyproject.toml", "tox.ini", "setup.cfg"):
        try:
            with open(name, encoding="utf-8", errors="replace") as file:
                if off in file.read():
                    return True
        except OSError:
            continue
    return any(off in argument for argument in arguments)


def main(record, header):
    """Run it; the last record is the exit status, and comes after pytest itself is done."""
    try:
        import pytest
    except ImportError as error:
        if error.name not in ("pytest", "_pytest"):
            raise
        record(type="missing")
        return 4
    # said on the command line, which the workers of xdist get too
    arguments = ["--maxfail=0", "--continue-on-collection-errors", "--tb=short"]
    if not _cache_is_off(header["arguments"]):
        # a private one: what failed last time is not to choose, nor to be written down
        arguments += ["-o", "cache_dir=" + os.path.join(header["folder"], "cache")]
    sys.argv = ["pytest"] + header["arguments"]
    trace = None
    if "trace" in header:
        namespace = {"__name__": "wisp_trace"}
        exec(compile(header["trace"], "<wisp>", "exec"), namespace)
        trace = namespace["Trace"](os.getcwd(), bool(header["targets"]), header["watched"])
    screen = None
    if "screen" in header:
        namespace, codes = {"__name__": "wisp_screen"}, types.ModuleType("wisp_codes")
        exec(compile(header["codes"], "<wisp>", "exec"), codes.__dict__)
        exec(compile(header["screen"], "<wisp>", "exec"), namespace)
        screen = namespace["Screen"](record, header["candidates"], codes)
    status = int(
        pytest.main(
            header["arguments"] + arguments,
            plugins=[_reporter(pytest, record, header["targets"], trace, screen)],
        )
    )
    if trace is not None:
        record(type="covered", functions=trace.rows())
    record(type="finish", exit=status)
    return status
