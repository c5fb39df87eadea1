"""A controller designs the next one, which designs the next."""

DEFAULT_CONTROLLERS = 24  # that a generation tries
