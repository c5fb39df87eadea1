"""A policy that Stable-Baselines3 saved, as a `Policy`. Its `.zip` holds pickles: callers must trust it."""

import io
import zipfile
from pathlib import Path
from typing import Any

import numpy as np

from rl_designer.agents.policy import Policy, check_weights
from rl_designer.envs.errors import Error
from rl_designer.envs.search_spaces.base import SearchSpace

NAMES = {
    "hidden.weight": "mlp_extractor.policy_net.0.weight",
    "hidden.bias": "mlp_extractor.policy_net.0.bias",
    "output.weight": "action_net.weight",
    "output.bias": "action_net.bias",
}
# Of a second hidden layer, where a controller of ours has one.
SECOND_NAMES = {
    "second.weight": "mlp_extractor.policy_net.2.weight",
    "second.bias": "mlp_extractor.policy_net.2.bias",
}
_MEMBER = "policy.pth"
_MOST_BYTES = 2**26
_MAGIC = b"PK"


def read_sb3_policy(path: Path, space: SearchSpace, *, trust: bool) -> Policy:
    """The policy of a PPO or MaskablePPO that was trained on `space` with one hidden layer of tanh units
    (`policy_kwargs={"net_arch": [64]}`). Only its weights are read, by torch's restricted unpickler.

    Args:
        trust: whether pickles in the file may be read, and so, should that unpickler have a gap, run code.

    Raises:
        ValueError: without `trust`, for a file that is missing or damaged, and for another network or space.
    """
    if not trust:
        raise Error(
            f"{path} holds pickles, which can run code of whoever made them when they are read; add "
            "--trust only if you trust where it comes from"
        )
    state = _state(path)
    layers = {name for name in state if name.startswith(("mlp_extractor.policy_net.", "action_net."))}
    if layers != set(NAMES.values()):
        raise Error(f"{path} must hold a policy of one hidden layer, as net_arch=[64] makes it")
    try:
        weights = {own: np.asarray(state[name].detach().cpu().numpy()) for own, name in NAMES.items()}
    except (AttributeError, TypeError, RuntimeError) as error:
        raise Error(f"{path} holds weights that are no arrays: {error}") from error
    check_weights(weights, path)
    policy = Policy(weights, space.name, {"imported_from": "Stable-Baselines3"})
    policy.check(space)
    return policy


def _state(path: Path) -> dict[str, Any]:
    import torch

    try:
        with path.open("rb") as file, zipfile.ZipFile(file) as archive:
            if archive.getinfo(_MEMBER).file_size > _MOST_BYTES:
                raise Error(f"its {_MEMBER} is larger than {_MOST_BYTES:,} bytes")
            content = archive.read(_MEMBER)
        if not content.startswith(_MAGIC):
            raise Error(f"its {_MEMBER} is not of torch's format")
        with zipfile.ZipFile(io.BytesIO(content)) as inner:
            if sum(entry.file_size for entry in inner.infolist()) > _MOST_BYTES:
                raise Error(f"its {_MEMBER} unpacks to more than {_MOST_BYTES:,} bytes")
        state = torch.load(io.BytesIO(content), map_location="cpu", weights_only=True)
    except Exception as error:  # UnpicklingError, and whatever else damaged pickles raise
        reason = " ".join(str(error).split())[:200] or type(error).__name__
        raise Error(f"{path} can't be read as a policy of Stable-Baselines3: {reason}") from error
    if not isinstance(state, dict) or not all(isinstance(name, str) for name in state):
        raise Error(f"{path} can't be read as a policy of Stable-Baselines3: it holds no weights")
    return state
