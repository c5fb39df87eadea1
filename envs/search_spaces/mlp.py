"""`mlp`: networks for tables of features."""

from rl_designer.envs.search_spaces.definition import SpaceDefinition

MLP = SpaceDefinition.of(
    "mlp",
    family="mlp",
    max_layers=6,
    layers={
        "dense": {
            "width": [8, 16, 32, 64, 128, 256],
            "activation": ["relu", "gelu", "tanh"],
            "normalisation": ["none", "batch", "layer"],
        },
        "residual-dense": {
            "width": [16, 32, 64, 128],
            "activation": ["relu", "gelu"],
            "normalisation": ["none", "batch", "layer"],
        },
        "dropout": {"rate": [0.1, 0.25, 0.5]},
    },
)
