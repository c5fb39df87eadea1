"""`Error`: the root of all errors of this package; `rl_designer.errors` shows the tree."""


class Error(ValueError):
    """What can't be done, in one line: the rule, the value received, the remedy or the legal names."""
