"""What the project's own linters and type checkers say of a change: `landing` makes it and asks.

One file for each checker, one line in `table`.
"""
