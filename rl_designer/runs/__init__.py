"""What a run leaves, and what is read of it."""
