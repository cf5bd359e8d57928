"""Counts in how many failing and passing tests each function of the project ran (Python 3.8+)."""

# runs on the Pythons that projects use, so it is written for an older one than ours:
# mypy: ignore-errors

import os
import sys

_MOST = 20000  # functions that are told of


class Trace:
    """Watches calls from `begin` to `end`; what runs in other threads is not seen."""

    def __init__(self, root):
        self._root = os.path.realpath(root) + os.sep
        self._places = {}
        self._ran = set()
        self._counts = {}

    def begin(self):
        self._ran = ran = set()

        def saw(frame, event, argument):
            ran.add(frame.f_code)
            # nothing is returned, so only calls are told of, not lines: that would cost too much

        sys.settrace(saw)

    def end(self, failed):
        sys.settrace(None)
        for place in {self._place(code) for code in self._ran} - {None}:
            counts = self._counts.setdefault(place, [0, 0])
            counts[0 if failed else 1] += 1

    def _place(self, code):
        if code not in self._places:
            path = os.path.realpath(code.co_filename)
            ours = path.startswith(self._root) and "site-packages" not in path
            relative = path[len(self._root) :].replace(os.sep, "/")
            self._places[code] = (relative, code.co_firstlineno) if ours else None
        return self._places[code]

    def rows(self):
        rows = [[path, line, *counts] for (path, line), counts in self._counts.items()]
        return sorted(rows)[:_MOST]
