"""What acts on the workspace: one tool a file, registered in `registry`."""
