"""Wisp decides here: the loop, the policy, the models, the repair of bugs."""

__version__ = "0.1.0"
