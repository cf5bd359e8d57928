"""Heights of many things in one column: where each begins, and which one a line belongs to."""

from __future__ import annotations

from collections.abc import Iterable


class Heights:
    """A list of heights with their sums in a Fenwick tree: each question costs its logarithm."""

    def __init__(self, heights: Iterable[int] = ()) -> None:
        self._each = list(heights)
        self._tree = [0, *self._each]
        for at in range(1, len(self._tree)):
            above = at + (at & -at)
            if above < len(self._tree):
                self._tree[above] += self._tree[at]
        self.total = sum(self._each)

    def __len__(self) -> int:
        return len(self._each)

    def __getitem__(self, index: int) -> int:
        return self._each[index]

    def append(self, height: int) -> None:
        """Add one at the end."""
        self._each.append(height)
        self.total += height
        at = len(self._tree)
        covered, below = height, at - 1
        while below > at - (at & -at):
            covered += self._tree[below]
            below -= below & -below
        self._tree.append(covered)

    def set(self, index: int, height: int) -> None:
        """Change one."""
        grown = height - self._each[index]
        if not grown:
            return
        self._each[index] = height
        self.total += grown
        at = index + 1
        while at < len(self._tree):
            self._tree[at] += grown
            at += at & -at

    def top(self, index: int) -> int:
        """Return at which line one begins."""
        total = 0
        while index > 0:
            total += self._tree[index]
            index -= index & -index
        return total

    def find(self, line: int) -> tuple[int, int]:
        """Return which one a line is in, and at which of its lines; past the end, past the last."""
        at, step = 0, 1 << len(self._each).bit_length()
        while step := step >> 1:
            ahead = at + step
            if ahead < len(self._tree) and self._tree[ahead] <= line:
                at, line = ahead, line - self._tree[ahead]
        return at, line
