"""Where trainings run: `auto`, `cpu`, `cuda` or `cuda:N`."""

from rl_designer.envs.names import unknown_name

# Trainings at a time, unless asked otherwise: small networks leave most of a GPU idle, but each process takes
# some hundred megabytes of it.
MOST_ON_A_GPU = 8


def device_name(name: str) -> str:
    """The device that a name means here: `cpu`, or `cuda:N`.

    Args:
        name: `auto` is the first CUDA device, or the CPU where there is none; `cuda` is `cuda:0`.

    Raises:
        ValueError: for an unknown name, and a device that this machine doesn't have.
    """
    if name == "cpu":
        return name  # without the second that the import of torch takes
    import torch

    count = torch.cuda.device_count() if torch.cuda.is_available() else 0
    devices = {f"cuda:{index}": f"cuda:{index}" for index in range(count)}
    devices["auto"] = "cuda:0" if count else "cpu"
    if count:
        devices["cuda"] = "cuda:0"
    if name not in devices:
        lack = " PyTorch finds no CUDA device on this machine." if not count else ""
        raise ValueError(unknown_name("device", name, ["cpu", *devices]) + lack)
    return devices[name]
