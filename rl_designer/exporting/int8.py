"""The network as an ONNX file that computes in 8 bits, quantised after the training. Imports torch.

Static quantisation with ONNX Runtime (Jacob et al. 2018, arXiv:1712.05877): each activation gets a scale and
a zero point by the range that it has on training examples, each output channel of a weight a scale of its
own. Weights take 7 of their 8 bits, so that the sum of two products never overflows the 16 bits that x86
processors without VNNI have for it: there the same file would give other outputs.
"""

import logging
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from numpy.typing import NDArray

from rl_designer.envs.metrics import metric_of
from rl_designer.errors import Error, usage_errors
from rl_designer.exporting.formats import (
    INPUT,
    TOLERANCE,
    Computed,
    Mismatch,
    metadata,
    read_onnx,
    write_onnx,
)
from rl_designer.exporting.int8_reference import reference_of
from rl_designer.exporting.quantisation import INT8_FILE, Quantisation, Quantised
from rl_designer.exporting.subject import Subject
from rl_designer.retraining.scores import score

if TYPE_CHECKING:
    from onnx import ModelProto

    from rl_designer.envs.datasets import Dataset
    from rl_designer.envs.datasets.dataset import Targets

Outputs = NDArray[np.float64]

_MAPS = ("Conv", "Gemm", "MatMul")
# What takes integers as they are, and would only be rounded twice in float.
_BETWEEN = ("Relu", "MaxPool", "Gather", "Reshape", "Squeeze", "Unsqueeze", "Transpose")
_MOVE = ("Reshape", "Squeeze", "Unsqueeze", "Transpose", "Concat", "Slice", "Gather", "Split", "Cast")
_QUANTISE, _DEQUANTISE = "QuantizeLinear", "DequantizeLinear"
_BATCH = 64
_SCORED_AT_ONCE = 512
# Of what quantising changes, root mean square: a sum that lies between two integers may be rounded to either.
_MOST_OF_ROUNDING = 0.25


def quantise(subject: Subject, folder: Path, how: Quantisation) -> Quantised:
    """Writes the file into a folder, compares it with ONNX's reference, and scores it beside the network.

    Raises:
        WrongUsage: for fewer examples to calibrate on than classes.
        Error: where the weights aren't trained, their data aren't at hand, or nothing can be quantised.
        Mismatch: where ONNX Runtime doesn't compute what the file says.
        Lossy: where more is lost than `how` allows.
    """
    dataset, path = _data_of(subject), folder / INT8_FILE
    with usage_errors():
        calibrating = dataset.with_examples(min(how.int8_examples, len(dataset.y_train))).x_train
    with tempfile.TemporaryDirectory(prefix=".int8.", dir=folder) as beside:
        plain = Path(beside) / "float.onnx"
        write_onnx(subject, plain)
        model = _quantised(plain, Path(beside) / "int8.onnx", _inputs(subject, calibrating))
        in_float = _in_float(model, subject)
        _save(model, path, subject, len(calibrating))
        before, after = read_onnx(subject, plain), read_onnx(subject, path)
        sizes = {"bytes_before": plain.stat().st_size, "bytes_after": path.stat().st_size}
    examples = _inputs(subject, dataset.x_val[:_BATCH])
    agreement = _agreement(path, before, after, examples)
    figures = _figures(subject, dataset, before, after)
    known = {**sizes, **figures, **agreement}
    made = Quantised(calibrated_on=len(calibrating), in_float=in_float, **known)
    made.check(how.int8_loss)
    return made


def _data_of(subject: Subject) -> "Dataset":
    if not subject.trained:
        raise Error("int8 is for trained weights, and these aren't; `rl-designer retrain` trains them")
    if subject.dataset is None:
        of = "" if subject.data is None else f" ({subject.data})"
        raise Error(
            f"int8 is calibrated on training examples, and the data{of} of {subject.origin.source} aren't "
            "at hand; name them with --data, with --data-folder, --target and the like as they were read"
        )
    return subject.dataset


def _inputs(subject: Subject, x: NDArray[np.float32]) -> NDArray[Any]:
    """Examples of the data as the file takes them."""
    if subject.architecture.of_texts:
        return x.astype(np.int64)
    return np.ascontiguousarray(x.reshape(len(x), *subject.input_shape))


# -- the file --------------------------------------------------------------------------------------


def _quantised(plain: Path, path: Path, x: NDArray[Any]) -> "ModelProto":
    import onnx
    from onnxruntime import quantization  # type: ignore[import-untyped,unused-ignore]
    from onnxruntime.quantization.quant_utils import (  # type: ignore[import-untyped,unused-ignore]
        add_pre_process_metadata,
    )

    class _Batches(quantization.CalibrationDataReader):  # type: ignore[misc,unused-ignore]
        def __init__(self) -> None:
            self._left = iter(np.array_split(x, -(-len(x) // _BATCH)))

        def get_next(self) -> dict[str, NDArray[Any]] | None:
            batch = next(self._left, None)
            return None if batch is None else {INPUT: batch}

    model = onnx.load(plain)
    add_pre_process_metadata(model)  # torch has folded what there is to be folded
    with _silent():
        quantization.quantize_static(
            model,
            path,
            _Batches(),
            quant_format=quantization.QuantFormat.QDQ,
            op_types_to_quantize=[*_MAPS, *_BETWEEN],
            per_channel=True,
            reduce_range=True,
            activation_type=quantization.QuantType.QUInt8,
            weight_type=quantization.QuantType.QInt8,
            calibrate_method=quantization.CalibrationMethod.MinMax,
            # Of linear maps the sums go on in float where what follows does, the outputs first of all.
            extra_options={"OpTypesToExcludeOutputQuantization": ["Gemm", "MatMul"]},
        )
    return onnx.load(path)


@contextmanager
def _silent() -> Iterator[None]:
    """Within it, ONNX Runtime's quantiser keeps for itself what it logs, and sets up no logging."""
    root, handler = logging.getLogger(), logging.NullHandler()
    disabled = root.manager.disable
    root.addHandler(handler)
    logging.disable(logging.WARNING)
    try:
        yield
    finally:
        logging.disable(disabled)
        root.removeHandler(handler)


def _in_float(model: "ModelProto", subject: Subject) -> tuple[str, ...]:
    """The operators that compute in float32. Raises ValueError where all do."""
    import onnx

    inferred = onnx.shape_inference.infer_shapes(model).graph
    types = {
        value.name: value.type.tensor_type.elem_type for value in (*inferred.value_info, *inferred.output)
    }
    nodes = model.graph.node
    integers = {name for node in nodes if node.op_type == _DEQUANTISE for name in node.output}
    read_as_float = {name for node in nodes if node.op_type != _QUANTISE for name in node.input}
    left, maps = set(), 0
    for node in nodes:
        of_integers = node.input[0] in integers and node.op_type in (*_MAPS, *_BETWEEN)
        maps += of_integers and node.op_type in _MAPS
        floats = types.get(node.output[0]) == onnx.TensorProto.FLOAT
        # A ReLU before rounding is done by the rounding, whose zero is the lowest integer then.
        rounded = node.op_type == "Relu" and node.output[0] not in read_as_float
        if (
            floats
            and not of_integers
            and not rounded
            and node.op_type not in (_QUANTISE, _DEQUANTISE, *_MOVE)
        ):
            left.add(node.op_type)
    if not maps:
        raise Error(
            f"{subject.architecture} has nothing that can be quantised: no convolution and no linear map of "
            "its own; leave --int8 away"
        )
    return tuple(sorted(left))


def _save(model: "ModelProto", path: Path, subject: Subject, examples: int) -> None:
    """Writes it with the metadata of the other formats. Of small networks names and shapes of what is between
    the layers would be most of the file.
    """
    import onnx

    graph, names = model.graph, dict[str, str]()
    kept = {"", *(value.name for value in (*graph.input, *graph.output))}
    del graph.value_info[:]
    for tensor in graph.initializer:
        tensor.name = names.setdefault(tensor.name, f"t{len(names)}")
    for node in graph.node:
        node.name = ""
        del node.metadata_props[:]
        for used in (node.input, node.output):
            for place, name in enumerate(used):
                used[place] = name if name in kept else names.setdefault(name, f"t{len(names)}")
    facts = metadata(subject) | {
        "quantised": f"int8, static, a scale for each channel; calibrated on {examples} training examples"
    }
    del model.metadata_props[:]
    onnx.helper.set_model_props(model, facts)
    onnx.save(model, path)


# -- what it computes -------------------------------------------------------------------------------


def _agreement(path: Path, before: Computed, after: Computed, x: NDArray[Any]) -> dict[str, Any]:
    """ONNX Runtime's outputs beside those that ONNX's reference evaluator makes of the same file."""
    expected = reference_of(path)(x)[0]
    # Batches of several sizes: the batch axis is free.
    parts = [after(torch.from_numpy(part)).numpy() for part in np.split(x, [1, 3]) if len(part)]
    found = np.concatenate(parts)
    rounding = float(np.sqrt(np.square(before(torch.from_numpy(x)).numpy() - expected).mean()))
    scale = max(1.0, float(np.abs(expected).max()))
    apart = np.abs(found.astype(np.float64) - expected)
    most = max(TOLERANCE * scale, _MOST_OF_ROUNDING * rounding)
    usually = float(np.sqrt(np.square(apart).mean()))
    if not usually <= most:
        raise Mismatch(
            "the int8 file gives other outputs in ONNX Runtime than by ONNX's reference: they differ by "
            f"{usually:.2g} (root mean square), more than rounding explains, {most:.2g}"
        )
    largest = apart.reshape(len(x), -1).max(axis=1) / scale
    equal = float((largest <= TOLERANCE).mean())
    return {"checked_on": len(x), "equal": equal, "largest_difference": float(largest.max())}


def _figures(subject: Subject, dataset: "Dataset", before: Computed, after: Computed) -> dict[str, Any]:
    """The metric of both on the part that may be looked at."""
    part, x, y = _scored_part(subject, dataset)
    metric = metric_of(subject.metric, dataset.predicts)
    values = [
        score(_outputs(subject, computed, x), y, subject.metric, dataset.target_scale).figures[metric.name]
        for computed in (before, after)
    ]
    guess = dataset.guess(metric, y)
    loss = metric.score(values[0], guess) - metric.score(values[1], guess)
    known = {"metric": metric.name, "part": part, "examples": len(y), "loss": loss}
    return {**known, "before": values[0], "after": values[1]}


def _scored_part(subject: Subject, dataset: "Dataset") -> tuple[str, NDArray[np.float32], "Targets"]:
    """The test part where `retrain` has scored these weights on it, and opens nothing new; else the other."""
    if "test_accuracy" in (subject.results or {}) and dataset.sealed_test is not None:
        return "test", *dataset.sealed_test.open()
    return "validation", dataset.x_val, dataset.y_val


def _outputs(subject: Subject, computed: Computed, x: NDArray[np.float32]) -> Outputs:
    """Outputs as `score` takes them, numbers standardised."""
    batches = torch.from_numpy(_inputs(subject, x)).split(_SCORED_AT_ONCE)
    found = torch.cat([computed(batch).double() for batch in batches]).numpy()
    scale = subject.target_scale
    return found if scale is None else (found - scale.mean) / scale.deviation
