"""The report of a session: a fold of its events into a story, and drawings of the story."""
