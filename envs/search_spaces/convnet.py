"""`convnet`: networks for images, of 8 x 8 to about 64 x 64 pixels."""

from rl_designer.envs.search_spaces.definition import SpaceDefinition

CONVNET = SpaceDefinition.of(
    "convnet",
    family="convnet",
    max_layers=10,
    layers={
        "conv": {"kernel": [3, 5], "width": [8, 16, 24, 32, 48, 64], "stride": [1, 2]},
        "separable": {"kernel": [3, 5], "width": [16, 32, 64, 96], "stride": [1, 2]},
        "residual": {"kernel": [3], "width": [16, 24, 32, 48, 64], "stride": [1, 2]},
        "inverted-residual": {
            "expansion": [2, 4],
            "kernel": [3],
            "width": [16, 24, 32, 48],
            "stride": [1, 2],
            "squeeze_excitation": [False, True],
        },
        "pool": {"operation": ["max", "average"]},
        "dropout": {"rate": [0.1, 0.3]},
        "global-pool": {"operation": ["average", "max"]},
        "dense": {"width": [32, 64, 128]},
    },
)
