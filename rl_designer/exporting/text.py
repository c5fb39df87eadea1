"""Text that came from outside, made safe to stand in Python source, in a docstring and in Markdown."""

import re
import textwrap

from rl_designer.text import printable, shortened

_MOST_IN_A_NAME = 40
_MARKDOWN = re.compile(r"([\\`*_{}\[\]()<>#+!|~&$:@-]|(?<=www)\.)", re.IGNORECASE)
_MOST_SHOWN = 200


def literal(text: str) -> str:
    """A Python string literal as formatters write it: nothing in the text can end it or hide in it."""
    quote = "'" if text.count('"') > text.count("'") else '"'
    escaped = "".join("\\\\" if c == "\\" else f"\\{c}" if c == quote else printable(c) for c in text)
    return f"{quote}{escaped}{quote}"


def docstring_text(text: object) -> str:
    """The text as it may stand inside a docstring in `\"\"\"`, in one line of at most 200 characters."""
    shown = shortened(printable(text), _MOST_SHOWN)
    return shown.replace("\\", "\\\\").replace('"', "'")


def docstring_paragraph(text: str, width: int) -> str:
    """A line of a docstring, wrapped between words, its rest indented; the text has been made safe."""
    return textwrap.fill(
        text, width, subsequent_indent="    ", break_on_hyphens=False, break_long_words=False
    )


def markdown(text: object) -> str:
    """The text as Markdown that shows it letter by letter: no link, image, table cell or HTML of its own."""
    return _MARKDOWN.sub(r"\\\1", shortened(printable(text), _MOST_SHOWN))


def class_name(name: str) -> str:
    """A Python class's name after a network's: `resnet-8` → `Resnet8Network`, always an identifier."""
    words = re.findall(r"[A-Za-z0-9]+", name)
    joined = "".join(word[0].upper() + word[1:] for word in words)[:_MOST_IN_A_NAME]
    stem = joined.removesuffix("Network")
    return f"{stem if stem[:1].isalpha() else f'Design{stem}'}Network"
