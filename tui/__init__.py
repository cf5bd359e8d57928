"""The terminal interface: a reader of the event stream and nothing more."""
