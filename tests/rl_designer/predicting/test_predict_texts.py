"""A network on texts: searched, trained, judged by rivals, used, exported, used without this package."""

import importlib.util
import json
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pandas
import pytest
import torch

import rl_designer as rl
from rl_designer.envs.architecture import Architecture, Layer
from rl_designer.envs.datasets import load_dataset
from rl_designer.envs.datasets.texts import Tokeniser
from rl_designer.exporting.card import card
from rl_designer.exporting.description import load_exported
from rl_designer.exporting.export import export
from rl_designer.exporting.find import find_subject
from rl_designer.exporting.formats import FORMATS, metadata
from rl_designer.retraining.folder import load_retrained
from rl_designer.retraining.job import Winner
from rl_designer.retraining.references import references_within
from rl_designer.retraining.retrain import retrain
from rl_designer.retraining.settings import FullSettings, Plan
from rl_designer.runs.architecture_files import ArchitectureFile
from tests.helpers.command_line import runner
from tests.helpers.texts import words, write_words

ASKED = ["lamino", "krzoktat", "ale, ale", ""]
DESIGN = Architecture(
    "textnet",
    (
        Layer.of("embedding", width=8),
        Layer.of("residual", kernel=3, width=8, stride=2),
        Layer.of("attention", heads=2),
        Layer.of("global-pool", operation="max"),
    ),
    complete=True,
)
PLAN = Plan(FullSettings(epochs=6), seeds=1, workers=0, device="cpu", rivals=None)
ALONE = """
import sys
sys.modules |= dict.fromkeys(["rl_designer", "safetensors", "numpy", "pandas", "pydantic", "sklearn"])
import importlib.util, json
spec = importlib.util.spec_from_file_location("network", sys.argv[1])
network = importlib.util.module_from_spec(spec)
spec.loader.exec_module(network)
names, probabilities = network.predict(json.loads(sys.argv[2]))
print(json.dumps([names, probabilities.tolist()]))
"""


@pytest.fixture(scope="module")
def trained(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    """The content of a retrained folder's `results.json`."""
    folder = tmp_path_factory.mktemp("texts")
    dataset = load_dataset(write_words(folder / "words.csv"), target="sound")
    return retrain([Winner(ArchitectureFile(DESIGN), folder, "here")], dataset, PLAN)[0]


@pytest.fixture(scope="module")
def exported(trained: dict[str, Any], tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("exported")
    formats = [name for name in ("python", "onnx") if not FORMATS[name].missing]
    files = export(find_subject(Path(trained["folder"]), {}), folder, formats)
    assert all(file.difference is None or file.difference < 1e-5 for file in files)
    return folder


def test_it_is_judged_beside_tf_idf_on_the_texts_themselves(trained: dict[str, Any]) -> None:
    assert [rival["name"] for rival in trained["rivals"]] == ["TF-IDF of characters", "TF-IDF of words"]
    characters = trained["rivals"][0]
    assert characters["failure"] is None and characters["test_figures"]["accuracy"]["mean"] > 0.9
    assert characters["size_of"] == "parameters" and characters["size"] > 20
    assert "rival" in trained["rivals_verdict"]


def test_new_texts_are_predicted(
    trained: dict[str, Any], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    command = runner(capsys)
    network = load_retrained(trained["folder"])
    found = network.predict(ASKED)
    assert found.predicted[:2].tolist() == ["soft", "hard"] and len(found) == 4
    table = tmp_path / "new.csv"
    pandas.DataFrame({"id": range(4), "word": ASKED}).to_csv(table, index=False)
    ended = command("predict", trained["folder"], table)
    assert ended.status == 0 and ended.out.split()[1:] == found.predicted.tolist()
    table.write_text("name\nlami\n")
    ended = command("predict", trained["folder"], table)
    assert ended.status == 1 and "the network takes the texts of column 'word'; there are: name" in ended.err


def test_plain_python_reads_texts_alike(trained: dict[str, Any], exported: Path, tmp_path: Path) -> None:
    shutil.copytree(exported, tmp_path / "elsewhere")
    command = [sys.executable, "-c", ALONE, str(tmp_path / "elsewhere" / "network.py"), json.dumps(ASKED)]
    ended = subprocess.run(command, capture_output=True, text=True)
    assert ended.returncode == 0, ended.stderr
    names, probabilities = json.loads(ended.stdout)
    expected = load_retrained(trained["folder"]).predict(ASKED)
    assert names == expected.predicted.tolist()
    np.testing.assert_allclose(probabilities, expected.outputs, atol=1e-6)
    again = load_exported(exported).predict(ASKED)
    np.testing.assert_allclose(again.outputs, expected.outputs, atol=1e-6)


def test_plain_python_cuts_unknown_words_into_pieces_alike(exported: Path) -> None:
    spec = importlib.util.spec_from_file_location("network", exported / "network.py")
    assert spec is not None and spec.loader is not None
    network = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(network)
    known = Tokeniser("pieces", ("viewer", "image", "the"), 6)
    texts = ["The image viewer", "An imageviewer", "PREIMAGE", "xy", ""]
    assert network.numbered(texts, known.to_dict()) == known.apply(texts).astype(int).tolist()
    assert network.numbered(texts, known.to_dict())[1] == [1, 3, 2, 0, 0, 0]


@pytest.mark.skipif(bool(FORMATS["onnx"].missing), reason="onnx isn't installed")
def test_onnx_takes_numbers_of_symbols_and_says_which(trained: dict[str, Any], exported: Path) -> None:
    import onnxruntime

    session = onnxruntime.InferenceSession(str(exported / "network.onnx"))
    tokeniser = json.loads(session.get_modelmeta().custom_metadata_map["tokeniser"])
    network = load_retrained(trained["folder"])
    assert network.inputs is not None and network.inputs.tokeniser is not None
    assert tokeniser == network.inputs.tokeniser.to_dict()
    assert session.get_inputs()[0].type == "tensor(int64)"
    ids = network.inputs.tokeniser.apply(ASKED).astype(np.int64)
    [logits] = session.run(None, {"input": ids})
    probabilities = torch.from_numpy(logits).double().softmax(dim=1).numpy()
    np.testing.assert_allclose(probabilities, network.predict(ASKED).outputs, atol=1e-5)


def test_the_card_says_what_goes_in(trained: dict[str, Any]) -> None:
    subject = find_subject(Path(trained["folder"]), {})
    text = card(subject, [], None)
    assert "Texts of the column word, cut into characters" in text
    assert "Input: int64 [batch" in text and "standardised" not in text
    assert json.loads(metadata(subject)["tokeniser"])["symbols"] == "characters"


def test_networks_of_texts_and_of_other_data_are_told_apart(tmp_path: Path) -> None:
    texts = load_dataset(write_words(tmp_path / "words.csv"), target="sound")
    dense = Architecture("mlp", (Layer.of("dense", width=4),), complete=True)
    for design, dataset, said in (
        (dense, texts, "takes numbers, and no texts, and words holds texts"),
        (DESIGN, load_dataset("mnist1d"), "takes texts, and mnist1d holds signals"),
    ):
        with pytest.raises(ValueError, match=said):
            retrain([Winner(ArchitectureFile(design), tmp_path / "retrained", "here")], dataset, PLAN)
    with pytest.raises(ValueError, match="no network designed by hand here is for texts"):
        references_within(texts)


def test_a_search_on_texts_in_memory(tmp_path: Path) -> None:
    run = rl.search(
        words(80), max_parameters=3_000, evaluations=3, epochs=1, run=tmp_path / "run", progress=False
    )
    assert run.best is not None and run.best.architecture.of_texts
    assert (run.folder / "report.html").exists()
    assert any("read as characters" in line for line in run.summary["about"])
    with pytest.raises(ValueError, match="augmentation 'shift' needs signals or images"):
        rl.search(words(80), augment="shift", evaluations=2, run=tmp_path / "shifted", progress=False)
    with pytest.raises(ValueError, match="needs data to train on, and no texts"):
        rl.search(words(80), experience="shipped", evaluations=2, run=tmp_path / "more", progress=False)


def test_estimators_take_texts() -> None:
    x, y = words(80)
    tiny = {
        "max_parameters": 3_000,
        "evaluations": 2,
        "epochs": 1,
        "final_epochs": 8,
        "random_state": 0,
        "vocabulary": 12,
    }
    classifier = rl.NetworkClassifier(**tiny, hyperparameters=True).fit(x, y)
    assert classifier.predict(["lamino", "krzoktat"]).tolist() == ["soft", "hard"]
    frame = pandas.DataFrame({"word": x})
    assert classifier.score(frame, y) == classifier.score(np.array(x), y)
    with pytest.raises(ValueError, match="takes texts, a list of them"):
        classifier.predict(np.zeros((2, 3)))
