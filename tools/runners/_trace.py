"""Tells in how many failing and passing tests functions and their lines ran (Python 3.8+)."""

# runs on the Pythons that projects use, so it is written for an older one than ours:
# mypy: ignore-errors

import os
import sys

_MOST = 20000  # functions that are told of
_PATIENCE = 1000  # lines of a function in one test that say nothing new, until it is believed
_EVENTS = 20 * 1000 * 1000  # lines that a run may watch: some ten seconds
_GUARDS = 5  # passing tests of a function that are named


class Trace:
    """Watches calls from `begin` to `end`; what runs in other threads is not seen.

    Lines are watched too, which costs much more. With `lines` those of all functions, for runs of a
    few tests; else those of the functions that are `watched`, each a path and a first line, where
    loops are not watched to their end. Where that takes too long, nothing is told of lines.
    """

    def __init__(self, root, lines=False, watched=()):
        self._root = os.path.realpath(root) + os.sep
        self._lines = lines
        self._watched = {tuple(place) for place in watched}
        self._left = _EVENTS
        self._places = {}
        self._ran = {}
        self._events = {}
        self._counts = {}
        self._line_counts = {}
        self._guards = {}  # place -> passing tests, each of which ran lines that none before it did

    def begin(self):
        self._ran = ran = {}
        self._events = events = {}  # code -> how many lines ran, and how many when one was new
        bounded = not self._lines

        def saw(frame, event, argument):
            code = frame.f_code
            lines = ran.get(code)
            if lines is None:
                lines = ran[code] = set()
                if self._watches(code):
                    events[code] = [0, 0]
            seen = events.get(code)
            if seen is None or (bounded and seen[0] - seen[1] > _PATIENCE):
                return None  # only calls are told of

            def line(frame, event, argument):
                seen[0] += 1
                if frame.f_lineno not in lines:
                    lines.add(frame.f_lineno)
                    seen[1] = seen[0]
                elif bounded and seen[0] - seen[1] > _PATIENCE:
                    frame.f_trace_lines = False
                return line

            return line

        sys.settrace(saw)

    def end(self, failed, guard):
        """Take in what ran; a `guard` is the id of a test that is to go on passing."""
        sys.settrace(None)
        here = {}
        for code, lines in self._ran.items():
            here.setdefault(self._place(code), set()).update(lines)
        here.pop(None, None)
        kind = 0 if failed else 1
        for place, lines in here.items():
            self._counts.setdefault(place, [0, 0])[kind] += 1
            told = self._line_counts.setdefault(place, {})
            if guard and place in self._watched:
                self._guard(place, guard, any(told.get(line, [0, 0])[kind] == 0 for line in lines))
            for line in lines:
                told.setdefault(line, [0, 0])[kind] += 1
        if not self._lines and self._watched:
            self._left -= sum(count for count, _ in self._events.values())
            if self._left < 0:
                self._watched = set()

    def _guard(self, place, test, new):
        guards = self._guards.setdefault(place, [])
        if len(guards) < _GUARDS and (new or not guards):
            guards.append(test)

    def _watches(self, code):
        place = self._place(code)
        return place is not None and (self._lines or place in self._watched)

    def _place(self, code):
        if code not in self._places:
            path = os.path.realpath(code.co_filename)
            ours = path.startswith(self._root) and "site-packages" not in path
            relative = path[len(self._root) :].replace(os.sep, "/")
            self._places[code] = (relative, code.co_firstlineno) if ours else None
        return self._places[code]

    def rows(self):
        known = self._lines or self._watched
        rows = [
            [*place, *counts, self._told(place) if known else [], self._guards.get(place, [])]
            for place, counts in self._counts.items()
        ]
        return sorted(rows)[:_MOST]

    def _told(self, place):
        # what runs in passing tests alone points nowhere
        lines = self._line_counts.get(place, {}).items()
        return sorted([line, *counts] for line, counts in lines if counts[0])
