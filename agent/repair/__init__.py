"""The `fix` strategy: reproduce, localise, propose, verify, select."""
