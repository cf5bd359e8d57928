"""Playing a session back: what is shown when, without a widget."""
