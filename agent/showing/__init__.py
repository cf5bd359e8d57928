"""What `show` showed, drawn in characters: the same lines for the screen and for plain output."""
