"""A session read again: what another level had decided, whether today's program does the same."""
