"""What holds a command: workspace paths, processes, environments, backends."""
