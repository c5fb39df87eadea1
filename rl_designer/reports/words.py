"""Figures and designs in the words that people read."""

from rl_designer.envs.architecture import Layer
from rl_designer.quantities import show_count
from rl_designer.runs.reading import RunReport
from rl_designer.store.store import StoredDesign
from rl_designer.text import printable, short_design, shortened


def figure(value: float | None, digits: int = 4) -> str:
    """A fraction; `–` for None."""
    return "–" if value is None else f"{value:.{digits}f}"


def yes_or_no(value: object, otherwise: str) -> str:
    """Of true, false, and whatever else."""
    return "yes" if value is True else "no" if value is False else otherwise


def percent(share: float) -> str:
    """`37 %`, `0.4 %`, `< 0.1 %`."""
    if 0 < share < 0.001:
        return "< 0.1 %"
    return f"{100 * share:.0f} %" if share >= 0.0995 or share == 0 else f"{100 * share:.1f} %"


def layer_text(layer: Layer) -> str:
    """A layer in full: `conv kernel 5, stride 1, width 16`; what is true by its name, what is false not; of a
    table's decision, the option.
    """
    if [name for name, _ in layer.options] == ["option"]:
        return printable(layer["option"])
    options = [
        name if value is True else f"{name} {value}" for name, value in layer.options if value is not False
    ]
    return printable(f"{layer.kind} {', '.join(options)}".strip().replace("_", " "))


def signed(value: float) -> str:
    """`+0.12`, `−0.03`, `0.00`."""
    text = f"{abs(value):.2f}"
    return text if text == "0.00" else f"{'−' if value < 0 else '+'}{text}"


def told_design(found: StoredDesign, report: RunReport) -> str:
    """What a mark says of its design, in one line."""
    evaluation = found.design.evaluation
    opening = f"Evaluation {report.position(found)} by {report.found_by(found)}"
    design = shortened(short_design(found.design.architecture), 160)
    if evaluation.failure is not None:
        return f"{opening}: failed, {shortened(evaluation.failure, 100)}. {design}"
    if evaluation.stopped_at is not None:
        opening += f", stopped early after {evaluation.stopped_at} epochs"
    facts = [f"reward {found.design.reward:.4f}"]
    if evaluation.val_accuracy is not None:
        facts.append(f"validation accuracy {evaluation.val_accuracy:.4f}")
    if evaluation.parameters is not None:
        facts.append(f"{show_count(evaluation.parameters)} parameters")
    return f"{opening}: {', '.join(facts)}. {design}"
