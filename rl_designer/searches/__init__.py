"""One search, from its config to its run folder."""
