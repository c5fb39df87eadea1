"""Text that came from outside, made safe to show."""

from rl_designer.envs.architecture import Architecture


def printable(text: object) -> str:
    """The text with every control, line-breaking or otherwise unprintable character escaped (`\\x1b`,
    `\\n`), so that a name can't move the cursor or forge a line.
    """
    return "".join(
        c if c.isprintable() else c.encode("unicode_escape", "surrogatepass").decode() for c in str(text)
    )


def shortened(text: str, length: int) -> str:
    """At most `length` characters, the rest as `…`."""
    return text if len(text) <= length else f"{text[: length - 1]}…"


def cut(text: str, length: int) -> str:
    """At most `length` characters: what comes first and what comes last, since remedies stand at the end."""
    first = 2 * length // 3
    return text if len(text) <= length else f"{text[:first]} … {text[first + 3 - length :]}"


def short_design(architecture: Architecture) -> str:
    """A design in one short line: kinds with the values of their options, `conv(5,1,16) → pool(max)`; of a
    table's design, the options that it took.
    """
    layers = []
    for layer in architecture.layers:
        values = ",".join(str(value) for _, value in layer.options)
        layers.append(values if layer.is_decision else f"{layer.kind}({values})" if values else layer.kind)
    return printable(" → ".join(layers) or "(empty)")
