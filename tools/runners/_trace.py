"""Tells in how many failing and passing tests each function of the project ran (Python 3.8+)."""

# runs on the Pythons that projects use, so it is written for an older one than ours:
# mypy: ignore-errors

import os
import sys

_MOST = 20000  # functions that are told of


class Trace:
    """Watches calls from `begin` to `end`; what runs in other threads is not seen.

    With `lines` it also tells which lines ran in failing tests. That costs much more, so it is for
    runs of a few tests.
    """

    def __init__(self, root, lines=False):
        self._root = os.path.realpath(root) + os.sep
        self._lines = lines
        self._places = {}
        self._ran = {}
        self._counts = {}
        self._failing = {}

    def begin(self):
        self._ran = ran = {}
        place = self._place

        def saw(frame, event, argument):
            code = frame.f_code
            lines = ran.get(code)
            if lines is None:
                lines = ran[code] = set()
            if not self._lines or place(code) is None:
                return None  # only calls are told of

            def line(frame, event, argument):
                lines.add(frame.f_lineno)
                return line

            return line

        sys.settrace(saw)

    def end(self, failed):
        sys.settrace(None)
        here = {}
        for code, lines in self._ran.items():
            here.setdefault(self._place(code), set()).update(lines)
        here.pop(None, None)
        for place, lines in here.items():
            counts = self._counts.setdefault(place, [0, 0])
            counts[0 if failed else 1] += 1
            if failed:
                self._failing.setdefault(place, set()).update(lines)

    def _place(self, code):
        if code not in self._places:
            path = os.path.realpath(code.co_filename)
            ours = path.startswith(self._root) and "site-packages" not in path
            relative = path[len(self._root) :].replace(os.sep, "/")
            self._places[code] = (relative, code.co_firstlineno) if ours else None
        return self._places[code]

    def rows(self):
        rows = [
            [*place, *counts, sorted(self._failing.get(place, ()))]
            for place, counts in self._counts.items()
        ]
        return sorted(rows)[:_MOST]
