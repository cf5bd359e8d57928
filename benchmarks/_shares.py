"""Shares of a count, and how far they can be trusted."""

from __future__ import annotations

import math


def wilson(good: int, of: int) -> tuple[float, float]:
    """Return the 95 % interval of a share; Wilson (1927)."""
    z, share = 1.96, good / of
    middle = share + z * z / (2 * of)
    spread = z * math.sqrt(share * (1 - share) / of + z * z / (4 * of * of))
    return (middle - spread) / (1 + z * z / of), (middle + spread) / (1 + z * z / of)
