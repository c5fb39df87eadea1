"""Search spaces: the legal designs. One file a space."""
