"""The model card: what a network is, what it was measured to do, and what it isn't good for. No torch here.

In the manner of Mitchell et al. 2019 (arXiv:1810.03993); the head is the one that model hubs read.
"""

import json
import re
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from rl_designer import __version__
from rl_designer.envs.datasets.encoding import distinct
from rl_designer.envs.search_spaces.costs import describe
from rl_designer.exporting.subject import Subject
from rl_designer.quantities import show_seconds
from rl_designer.text import printable, shortened

CARD = "MODEL_CARD.md"
_MOST_CLASSES = 256
_MOST_NUMBERS = 16  # of a mean
_MARKDOWN = re.compile(r"([\\`*_{}\[\]()<>#+!|~&$:@-]|(?<=www)\.)", re.IGNORECASE)
_MOST_SHOWN = 200
_WITH_NUMBERS = (".py", ".onnx", ".pt2")  # files that hold mean and deviation


def card(subject: Subject, files: Sequence[str] = (), licence: str | None = None) -> str:
    """The card's text. Names from outside stand in it letter by letter.

    Args:
        files: names of the files beside it.
        licence: of the weights and of this network; None where nobody has said so.
    """
    sections = {
        "What it is": _what(subject, files),
        "Who made what": _makers(subject),
        "Data": _data(subject),
        "Results": _results(subject),
        "Layers": _layers(subject),
        "Limits": _limits(subject),
        "Licence": iter([_licence(licence)]),
    }
    parts = ["\n".join(_head(subject, licence)), f"# {markdown(subject.name or subject.class_name)}"]
    for title, lines in sections.items():
        parts.append(f"## {title}\n\n" + "\n".join(lines))
    return "\n\n".join(parts) + "\n"


def _head(subject: Subject, licence: str | None) -> Iterator[str]:
    yield "---"
    yield f"license: {_quoted(licence or 'unknown')}"
    yield 'library_name: "pytorch"'
    yield 'tags: ["neural-architecture-search", "classification"]'
    if subject.data is not None:
        yield f"datasets: [{_quoted(_file_name(subject.data))}]"
    yield "---"


def _quoted(text: str) -> str:
    """A text of YAML, which are JSON's too, so that no name can add a key."""
    return json.dumps(printable(text), ensure_ascii=False)


def _what(subject: Subject, files: Sequence[str]) -> Iterator[str]:
    yield f"A classifier of {subject.num_classes:,} classes."
    yield ""
    yield f"- Design: `{subject.architecture.digest}`, of the search space `{subject.architecture.space}`"
    yield f"- Parameters: {subject.costs.parameters:,}; multiply-adds an example: {subject.costs.macs:,}"
    yield f"- Input: float32 [batch, {subject.shape}],"
    yield "  standardised with the training examples' mean and deviation, for each feature or channel"
    yield from _standardisation(subject, files)
    yield f"- Output: logits, float32 [batch, {subject.num_classes}]"
    if subject.trained:
        yield f"- Weights: of full training {subject.retrained_seed}"
    else:
        yield "- Weights: **not trained**; train it before use"
    if files:
        yield f"- Files: {', '.join(f'`{name}`' for name in files)}"


def _standardisation(subject: Subject, files: Sequence[str]) -> Iterator[str]:
    if (known := subject.standardisation) is None:
        return
    named = {"Mean": distinct(known.mean), "Deviation": distinct(known.deviation)}
    if max(map(len, named.values())) > _MOST_NUMBERS:
        with_numbers = [f"see `{name}`" for name in files if name.endswith(_WITH_NUMBERS)]
        yield f"- Mean and deviation: {(with_numbers or ['too many to be shown'])[0]}"
        return
    for name, numbers in named.items():
        yield f"- {name}: {', '.join(f'{number:.8g}' for number in numbers)}"


def _makers(subject: Subject) -> Iterator[str]:
    origin = subject.origin
    if origin.agent is None:
        note = f": {markdown(origin.note)}" if origin.note else ""
        yield f"The design comes from `{_code(origin.source)}`{note}."
        yield "Which search made it, if any, isn't known."
        return
    config = origin.config or {}
    yield f"- Design: by the agent {markdown(origin.agent)} with the seed {origin.seed}"
    if origin.found_at is not None and origin.evaluations is not None:
        took = "" if origin.seconds is None else f", {show_seconds(origin.seconds)}"
        yield (
            f"- Search budget: {origin.evaluations:,} evaluations, the control's included"
            f"{took}; this design was evaluation {origin.found_at:,}"
        )
    if "epochs" in config:
        yield f"- Each evaluation: {config['epochs']} epochs, scored on the validation part"
    if origin.reward is not None:
        yield f"- Reward: {origin.reward:.4f} by {markdown(_file_name(config.get('reward')))}"
    if origin.verdict:
        yield f"- Against random search: {markdown(origin.verdict)}"
    yield "- Energy: not measured"
    yield f"- Software: rl-designer {__version__}"


def _data(subject: Subject) -> Iterator[str]:
    if subject.data is None:
        yield "Not known."
        return
    yield f"{markdown(_file_name(subject.data))}."
    yield ""
    if subject.split is not None:
        train, val = subject.split
        yield (
            f"- Split: {train:,} examples for training, {val:,} for validation, "
            "and a test part that no search sees"
        )
    tested = sum(line["examples"] for line in _classes(subject))
    if subject.results is not None:
        trained = (subject.results.get("data") or {}).get("examples")
        part, joined = ("test", " (training and validation part together)")
        if "test_accuracy" not in subject.results:
            part, joined = ("validation", " (the training part alone)")
        if isinstance(trained, int):
            yield f"- Full training: on {trained:,} examples{joined}"
        seeds = len([line for line in subject.results["seeds"] if line["failure"] is None])
        if tested and seeds:
            yield f"- Scored once, on {tested // seeds:,} examples of the {part} part"


def _results(subject: Subject) -> Iterator[str]:
    if subject.origin.val_accuracy is not None:
        yield (
            f"Validation accuracy in the search, after a short training: {subject.origin.val_accuracy:.4f}. "
            "It helped to choose the design, so it is a little too good."
        )
        yield ""
    results = subject.results
    if results is None:
        yield "It wasn't trained in full, so there is no test accuracy."
        return
    if "test_accuracy" in results:
        yield f"Test accuracy: {_spread(results['test_accuracy'])}."
    else:
        spread = _spread(results.get("val_accuracy"))
        yield f"Validation accuracy (the test part stayed sealed): {spread}."
    if subject.settings is not None:
        kept = ("epochs", "batch_size", "learning_rate", "weight_decay", "augment", "precision", "optimizer")
        told = ", ".join(
            f"{name.replace('_', ' ')} {subject.settings[name]}"
            for name in kept
            if subject.settings.get(name) is not None
        )
        yield ""
        yield f"The full training: {markdown(told)}."
    yield from _by_class(subject)


def _spread(accuracy: Mapping[str, Any] | None) -> str:
    if accuracy is None or accuracy.get("mean") is None:
        return "none, since every training failed"
    seeds = [value for value in accuracy["per_seed"] if value is not None]
    deviation = " (one seed, so its spread is not known)"
    if (spread := accuracy["standard_deviation"]) is not None:
        told = ", ".join(f"{value:.4f}" for value in seeds)
        deviation = f" ± {spread:.4f} (standard deviation over {len(seeds)} seeds: {told})"
    return f"**{accuracy['mean']:.4f}**{deviation}"


def _classes(subject: Subject) -> list[dict[str, Any]]:
    return list((subject.results or {}).get("classes") or [])


def _by_class(subject: Subject) -> Iterator[str]:
    classes = _classes(subject)
    if not classes:
        return
    weakest = [markdown(line["class"]) for line in (subject.results or {})["weakest_classes"]]
    yield ""
    yield f"The weakest classes: {', '.join(weakest)}."
    yield ""
    yield "| class | accuracy, all seeds | most often taken for |"
    yield "|---|---|---|"
    for line in sorted(classes, key=lambda line: line["accuracy"])[:_MOST_CLASSES]:
        mistaken = line["mistaken_for"]
        taken = "–" if mistaken is None else f"{markdown(mistaken)} ({line['mistaken_share']:.1%})"
        yield f"| {markdown(line['class'])} | {line['accuracy']:.4f} | {taken} |"


def _layers(subject: Subject) -> Iterator[str]:
    yield "| layer | output | parameters | multiply-adds |"
    yield "|---|---|---|---|"
    for line in describe(subject.architecture, subject.input_shape, subject.num_classes):
        shape = " × ".join(map(str, line.output_shape))
        yield f"| {line.layer} | {shape} | {line.parameters:,} | {line.macs:,} |"


def _limits(subject: Subject) -> Iterator[str]:
    yield "- It was made for data like those above. Nobody has tested it on others, under noise or attack, or"
    yield "  for fairness between groups of people."
    yield "- It always names a class, also for inputs that belong to none; its confidence was not calibrated."
    if subject.standardisation is not None:
        yield "- Inputs must be standardised with the mean and deviation above; the network doesn't do it."
    elif subject.data is not None:
        yield "- Inputs must be standardised as in training; their mean and deviation are not in it."
    if not subject.trained:
        yield "- Its weights were not trained, so what it says has no meaning yet."
    elif subject.results is None:
        yield "- There are no figures of its full training."
    elif "test_accuracy" not in subject.results:
        yield "- It was scored on validation examples, which may have chosen it, not on the test part."


def _licence(licence: str | None) -> str:
    if licence is None:
        return "Not stated. Whoever hands this on should say so here, and mind the data's own licence."
    return f"{markdown(licence)}. The data have a licence of their own."


def markdown(text: object) -> str:
    """The text as Markdown that shows it letter by letter: no link, image, table cell or HTML of its own."""
    return _MARKDOWN.sub(r"\\\1", shortened(printable(text), _MOST_SHOWN))


def _code(text: str) -> str:
    """A path's last name, inside backquotes."""
    return _file_name(text).replace("`", "'").encode("unicode_escape").decode("ascii")


def _file_name(text: object) -> str:
    """The name alone: where it lay concerns nobody."""
    return Path(str(text)).name or str(text)
