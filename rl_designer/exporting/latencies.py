"""`export_networks`: networks to be measured on a device that has ONNX Runtime alone."""

from collections.abc import Callable
from importlib.resources import files
from pathlib import Path
from shutil import move
from tempfile import TemporaryDirectory

from rl_designer.envs.search_spaces.registry import DataSpace
from rl_designer.errors import Error
from rl_designer.latencies.files import Latencies
from rl_designer.latencies.measuring import DESIGNS, chosen

DESIGNS_FILE, SCRIPT = "designs.json", "measure.py"


def export_networks(
    space: DataSpace,
    folder: Path,
    designs: int = DESIGNS,
    seed: int = 0,
    told: Callable[[int], None] = lambda done: None,
) -> int:
    """Writes random designs of a space as ONNX files, and the script that measures them; how many there are.

    Args:
        folder: is made; must be empty or missing.
        told: of how many are written, after each.

    Raises:
        ValueError: for a folder with anything in it, or where the extra `onnx` isn't installed.
    """
    from rl_designer.envs.networks.network import build_network
    from rl_designer.exporting.export import export
    from rl_designer.exporting.subject import Origin, Subject

    if folder.exists() and (not folder.is_dir() or any(folder.iterdir())):
        raise Error(f"{folder} isn't empty; name another folder with --output")
    networks = chosen(space, designs, seed)
    shape, classes = space.input_shape, space.num_classes
    folder.mkdir(parents=True, exist_ok=True)
    for number, design in enumerate(networks):
        network = build_network(design, shape, classes).eval()
        with TemporaryDirectory() as place:
            [file] = export(Subject(design, network, shape, classes, Origin("random")), Path(place), ["onnx"])
            move(file.path, folder / f"design-{number}.onnx")
        told(number + 1)
    unmeasured = (None,) * len(networks)
    Latencies("", "", shape, classes, networks, unmeasured).write(folder / DESIGNS_FILE)
    script = files(__package__).joinpath("onnx_script.py").read_text(encoding="utf-8")
    (folder / SCRIPT).write_text(script, encoding="utf-8")
    return len(networks)
