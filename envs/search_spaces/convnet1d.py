"""`convnet1d`: networks for signals and series, lengths of about 40 to 1,000."""

from rl_designer.envs.search_spaces.definition import SpaceDefinition

CONVNET1D = SpaceDefinition.of(
    "convnet1d",
    family="convnet1d",
    max_layers=8,
    layers={
        "conv": {"kernel": [3, 5, 7], "width": [8, 12, 16, 24, 32, 48], "stride": [1, 2]},
        "separable": {"kernel": [3, 7], "width": [16, 24, 32, 48], "stride": [1, 2]},
        "residual": {"kernel": [3, 5], "width": [12, 16, 24, 32], "stride": [1, 2]},
        "inverted-residual": {
            "expansion": [2],
            "kernel": [3, 7],
            "width": [16, 24, 32],
            "stride": [1, 2],
            "squeeze_excitation": [False, True],
        },
        "pool": {"operation": ["max", "average"]},
        "dropout": {"rate": [0.1, 0.3]},
        "global-pool": {"operation": ["average", "max"]},
        "dense": {"width": [16, 32, 64]},
    },
)
