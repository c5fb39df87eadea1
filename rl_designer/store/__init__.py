"""Every evaluation of all runs."""
