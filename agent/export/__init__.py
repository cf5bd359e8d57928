"""A session for others: a script that replays it, trajectories for training, its log."""
