"""The keys that count everywhere on the screen."""

from __future__ import annotations

from textual.binding import Binding

EVERYWHERE = (
    Binding("shift+tab", "notch(1)", "up a notch, around", priority=True),
    Binding("alt+right", "notch(1, False)", "up a notch", priority=True),
    Binding("alt+left", "notch(-1, False)", "down a notch", priority=True),
    Binding("alt+up", "knob(1)", "more effort", priority=True),
    Binding("alt+down", "knob(-1)", "less effort", priority=True),
    Binding("ctrl+c", "stop_or_leave", "stop; twice: leave", priority=True),
    Binding("escape", "stop", "stop the turn"),
    Binding("pageup", "page(-1)", "a page up", priority=True),
    Binding("pagedown", "page(1)", "a page down", priority=True),
    Binding("ctrl+end", "follow", "to the end", priority=True),
    Binding("ctrl+l", "redraw", "draw the screen anew", priority=True),
    Binding("f1", "open('help')", "help", priority=True),
    Binding("f2", "open('policy')", "policy", priority=True),
    Binding("f3", "open('changes')", "changes", priority=True),
    Binding("f4", "open('sessions')", "sessions", priority=True),
    Binding("f5", "open('rewind')", "rewind", priority=True),
    Binding("f6", "open('models')", "models", priority=True),
)

# where keys are those of the transcript or of a card, but for these
MAIN = (Binding("tab", "over", "to a question, or to the transcript and back"),)

# where a session is played back; a screen over it keeps its own
PLAYBACK = (
    Binding("space", "play", "pause, or play", priority=True),
    Binding("right", "step(1)", "to the end of the next step", priority=True),
    Binding("left", "step(-1)", "a step back", priority=True),
    Binding("right_square_bracket", "turn(1)", "to the next turn", priority=True),
    Binding("left_square_bracket", "turn(-1)", "to the beginning of the turn, or one back"),
    Binding("plus,equals_sign", "faster(1)", "faster; after 64x at once", priority=True),
    Binding("minus", "faster(-1)", "slower", priority=True),
    Binding("home", "end(-1)", "to the beginning", priority=True),
    Binding("end", "end(1)", "to the end", priority=True),
    Binding("c", "go_on", "go on live from here, in a fork"),
    Binding("q", "leave", "leave"),
    Binding("ctrl+c", "copy_or_leave", "copy what is selected, or leave", priority=True),
    Binding("tab", "over", "to the transcript, where ↑ ↓ select and Enter opens"),
    Binding("pageup", "page(-1)", "a page up", priority=True),
    Binding("pagedown", "page(1)", "a page down", priority=True),
    Binding("ctrl+end", "follow", "follow what comes", priority=True),
    Binding("ctrl+l", "redraw", "draw the screen anew", priority=True),
    Binding("f1", "help", "help", priority=True),
)
