"""docs/commands.md, made from the commands themselves: `python -m rl_designer.command_reference`."""

from collections.abc import Iterator

import click

from rl_designer.cli import cli

_WIDTH = 100
_HEAD = """# Commands

Made from the commands' own help by `make reference`. `run.py` in a checkout, `python -m rl_designer` and the
installed `rl-designer` are the same. Numbers may be written `20k`, `1.5M`, `30m`, `2G`. `--json` prints one
JSON object on stdout and nothing else there. Exit status: 0 done, 1 could not, 2 wrong usage, 130
interrupted.

To have them completed by the shell, put this into its start-up file (`bash_source` for bash, `zsh_source`,
`fish_source`):

    eval "$(_RL_DESIGNER_COMPLETE=bash_source rl-designer)"
"""


def reference() -> str:
    """All commands as Markdown, with the help that each of them prints."""
    parts = [_HEAD]
    for words, command, context in _commands(cli, ("rl-designer",), None):
        parts.append(f"## `{' '.join(words)}`\n\n```text\n{command.get_help(context).rstrip()}\n```\n")
    return "\n".join(parts)


def _commands(
    command: click.Command, words: tuple[str, ...], parent: click.Context | None
) -> Iterator[tuple[tuple[str, ...], click.Command, click.Context]]:
    settings = {**command.context_settings, "terminal_width": _WIDTH, "max_content_width": _WIDTH}
    context = click.Context(command, parent=parent, info_name=words[-1], **settings)
    yield words, command, context
    if isinstance(command, click.Group):
        for name in command.list_commands(context):
            found = command.get_command(context, name)
            if found is not None:
                yield from _commands(found, (*words, name), context)


if __name__ == "__main__":
    print(reference(), end="")
