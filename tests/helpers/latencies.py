"""A model of latency, made up, in which every part counts."""

from rl_designer.envs.layers import KINDS

# Nanoseconds of each.
LATENCY = {
    **dict.fromkeys([*KINDS, "classifier"], 10.1),
    "network": 4_000.4,
    "layer": 1_000.3,
    "multiply-add": 0.7,
    "value held": 1.3,
    "conv": 700.7,
    "dense activation=gelu": 500.5,
    "residual changes the shape": 3_000.3,
    "separable": 0.25,
    "inverted-residual squeeze_excitation": 900.9,
    "global-pool": 300.3,
}
