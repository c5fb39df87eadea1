"""Controllers as designs: how they are tried, and generations of them, each of which designs the next."""

DEFAULT_CONTROLLERS = 24  # that a generation tries
