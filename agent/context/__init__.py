"""What the model is told: the system prompt, the instructions of the project."""
