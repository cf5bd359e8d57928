"""What the transcript shows, one file a kind: data that returns its lines for a width."""
