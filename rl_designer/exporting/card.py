"""The model card: what a network is, what it was measured to do, and what it isn't good for. No torch here.

In the manner of Mitchell et al. 2019 (arXiv:1810.03993); the head is the one that model hubs read. The text
is `templates/MODEL_CARD.md`.
"""

import json
import re
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

from rl_designer import __version__
from rl_designer.envs.datasets.encoding import distinct
from rl_designer.envs.datasets.rows.encoding import RowEncoding
from rl_designer.envs.layers.cell import cell_words
from rl_designer.envs.search_spaces.cell_layers import live_edges
from rl_designer.envs.search_spaces.costs import describe
from rl_designer.exporting.description import input_words, output_words
from rl_designer.exporting.quantisation import INT8_FILE
from rl_designer.exporting.subject import Subject, template
from rl_designer.quantities import show_count, show_figure, show_seconds
from rl_designer.retraining.verdicts import figure_of
from rl_designer.text import printable, shortened, training_words

CARD = "MODEL_CARD.md"
_MOST_NUMBERS = 16  # of a mean
_MOST_COLUMNS = 200  # that are listed
_KINDS = {"number": "a number", "truth": "True or False", "category": "a category", "date": "a date or time"}
_MARKDOWN = re.compile(r"([\\`*_{}\[\]()<>#+!|~&$:@-]|(?<=www)\.)", re.IGNORECASE)
_MOST_SHOWN = 200
_WITH_NUMBERS = (".py", ".onnx", ".pt2")  # files that hold mean and deviation
_SETTINGS = (
    *("epochs", "batch_size", "learning_rate", "weight_decay", "label_smoothing", "augment"),
    *("precision", "optimizer"),
)


def card(subject: Subject, files: Sequence[str] = (), licence: str | None = None) -> str:
    """The card's text. Names from outside stand in it letter by letter.

    Args:
        files: names of the files beside it.
        licence: of the weights and of this network; None where nobody has said so.
    """
    results, settings = subject.results, subject.settings or {}
    known = {name: settings[name] for name in _SETTINGS if settings.get(name) is not None}
    return template(CARD, **_FILTERS).render(
        subject=subject,
        origin=subject.origin,
        config=subject.origin.config or {},
        results=results,
        classes=list((results or {}).get("classes") or []),
        settings=", ".join(f"{name.replace('_', ' ')} {value}" for name, value in known.items()),
        standardisation=_standardisation(subject, files),
        target=str((subject.origin.config or {}).get("target") or ""),
        input=input_words(subject),
        output=output_words(subject),
        columns=_columns(subject),
        scored=_scored(results or {}),
        layers=describe(subject.architecture, subject.input_shape, subject.num_classes),
        cell=_cell(subject),
        training=training_words(subject.architecture),
        files=files,
        int8_file=INT8_FILE,
        licence=licence,
        version=__version__,
    )


def _cell(subject: Subject) -> str:
    return cell_words(live_edges(subject.architecture)) if subject.architecture.is_cell else ""


def _quoted(text: str) -> str:
    """A text of YAML, which are JSON's too, so that no name can add a key."""
    return json.dumps(printable(text), ensure_ascii=False)


def _standardisation(subject: Subject, files: Sequence[str]) -> dict[str, str]:
    """Lines of what is known of it."""
    if (known := subject.standardisation) is None:
        return {}
    named = {"Mean": distinct(known.mean), "Deviation": distinct(known.deviation)}
    if max(map(len, named.values())) > _MOST_NUMBERS:
        with_numbers = [f"see `{name}`" for name in files if name.endswith(_WITH_NUMBERS)]
        return {"Mean and deviation": (with_numbers or ["too many to be shown"])[0]}
    return {name: ", ".join(f"{number:.8g}" for number in numbers) for name, numbers in named.items()}


def _columns(subject: Subject) -> list[dict[str, Any]]:
    """Of a table: each column's name, its kind, and how many features it becomes."""
    told = []
    for column in subject.columns[:_MOST_COLUMNS]:
        names = RowEncoding((dict(column),)).feature_names
        gaps = ", and whether it is empty" if column["gaps"] else ""
        told.append({"name": column["name"], "kind": _KINDS[column["kind"]] + gaps, "features": len(names)})
    return told


def _scored(results: Mapping[str, Any]) -> list[dict[str, Any]]:
    """A line a metric, the search's first: over the full trainings, and what guessing gives."""
    main = str(results.get("metric") or "accuracy")
    part = "test" if "test_accuracy" in results else "val"
    older = {"accuracy": results.get(f"{part}_accuracy")}
    figures, guess = results.get(f"{part}_figures") or older, results.get("guess") or {}
    names = sorted(figures, key=lambda name: (name != main, name))
    return [{"metric": name, "figure": figures[name], "guess": guess.get(name)} for name in names]


def _spread(accuracy: Mapping[str, Any] | None) -> str:
    if not accuracy or accuracy.get("mean") is None:
        return "none, since every training failed"
    seeds = [value for value in accuracy["per_seed"] if value is not None]
    deviation = " (one seed, so its spread is not known)"
    if (spread := accuracy["standard_deviation"]) is not None:
        told = ", ".join(f"{value:.4f}" for value in seeds)
        deviation = f" ± {spread:.4f} (standard deviation over {len(seeds)} seeds: {told})"
    return f"**{accuracy['mean']:.4f}**{deviation}"


def markdown(text: object) -> str:
    """The text as Markdown that shows it letter by letter: no link, image, table cell or HTML of its own."""
    return _MARKDOWN.sub(r"\\\1", shortened(printable(text), _MOST_SHOWN))


def _code(text: str) -> str:
    """A path's last name, inside backquotes."""
    return _file_name(text).replace("`", "'").encode("unicode_escape").decode("ascii")


def _file_name(text: object) -> str:
    """The name alone: where it lay concerns nobody."""
    return Path(str(text)).name or str(text)


def _rival_figure(rival: Mapping[str, Any]) -> str:
    """By the metric, over the seeds; `–` where there is none."""
    figure = figure_of(dict(rival))
    deviation = figure["standard_deviation"]
    return show_figure(figure["mean"]) + (f" ± {deviation:.4f}" if deviation else "")


_FILTERS: dict[str, Callable[..., str]] = {
    "count": show_count,
    "figure": show_figure,
    "seconds": show_seconds,
    "markdown": markdown,
    "quoted": _quoted,
    "file_name": _file_name,
    "code": _code,
    "spread": _spread,
    "rival_figure": _rival_figure,
}
