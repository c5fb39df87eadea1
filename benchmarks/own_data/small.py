"""Sets of at most 200 training examples: train and retrain with defaults, beside the rivals.

    python benchmarks/own_data/small.py --data FOLDER --output small

The folder holds `.npz` files with a test part. For each, and each seed of the search: `rl.search` with
defaults, `rl.retrain` with three seeds, the test's accuracy, guessing's, and the rivals' on the same
split. A version of before the rivals can be measured, too: what it doesn't know is left away. Finished
ones are kept in the output folder.
"""

import json
import sys
from pathlib import Path
from typing import Any

import click

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))

import rl_designer as rl


def measured(path: Path, seed: int, folder: Path) -> dict[str, Any]:
    """One search; kept in its folder."""
    kept = folder / "result.json"
    if not kept.exists():
        searched = folder / "run"
        begun = searched.exists()
        run = rl.resume(searched) if begun else rl.search(str(path), run=searched, seed=seed, progress=False)
        results = rl.retrain(run, progress=False).best.results
        rivals = {
            rival["name"]: rival["test_figures"]["accuracy"]["mean"] for rival in results.get("rivals", [])
        }
        found = {
            "ours": results["test_accuracy"],
            "guess": results.get("guess", {}).get("accuracy"),
            "rivals": rivals,
            "parameters": results["parameters"],
            "settings": results["settings"],
        }
        kept.write_text(json.dumps(found, indent=1))
    return dict(json.loads(kept.read_text()))


@click.command(help=__doc__)
@click.option("--data", type=click.Path(path_type=Path, exists=True), required=True)
@click.option("--output", type=click.Path(path_type=Path), default=Path("small"), show_default=True)
@click.option("--seeds", default=2, show_default=True)
def main(data: Path, output: Path, seeds: int) -> None:
    for path in sorted(data.glob("*.npz")):
        for seed in range(seeds):
            found = measured(path, seed, output / f"{path.stem}-{seed}")
            told = ", ".join(f"{name} {value:.3f}" for name, value in found["rivals"].items())
            line = (
                f"{path.stem}, seed {seed}: {found['ours']['mean']:.3f} ({found['parameters']:,} parameters)"
            )
            print(f"{line}; {told}", flush=True)


if __name__ == "__main__":
    main()
