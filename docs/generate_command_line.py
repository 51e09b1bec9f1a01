"""Write docs/command-line.md from the help texts: `python docs/generate_command_line.py`."""

from collections.abc import Iterator
from pathlib import Path

import click

from leakboard.cli import cli

PAGE = Path(__file__).with_name("command-line.md")
HEAD = """\
# The command line

Written by `docs/generate_command_line.py` from the help texts; a test compares the two.

Exit code 0: done. 1: the thing that was checked is wrong. 2: the request cannot be carried out. An
error is one sentence on stderr; `leakboard --debug COMMAND …` shows its traceback. With `--json` a
command prints one JSON object on stdout, and nothing else there. Where its output lies already, a
command refuses, or says below that it goes on with what an earlier run of it began.
"""


def page() -> str:
    """The whole page as Markdown."""
    return "\n".join([HEAD, *_sections(_context(cli, "leakboard"))])


def _context(
    command: click.Command, name: str, parent: click.Context | None = None
) -> click.Context:
    return click.Context(command, parent, name, terminal_width=100, **command.context_settings)


def _sections(context: click.Context) -> Iterator[str]:
    yield f"## {context.command_path}\n\n```text\n{context.get_help()}\n```\n"
    if isinstance(context.command, click.Group):
        for name, command in sorted(context.command.commands.items()):
            yield from _sections(_context(command, name, context))


if __name__ == "__main__":
    PAGE.write_text(page(), "utf-8")
