"""The `argus` command: forms and messages, no arithmetic.

Exit status: 0 when all pairs ran, 1 when some failed (the rest are written), 2 for bad usage.
"""

from __future__ import annotations

import sys

import typer

from argus_fiftyone.command_line.comparing import compare, demo, evaluate, run
from argus_fiftyone.command_line.listing import doctor, encoders, link, methods, query

app = typer.Typer(
    help="Show what changed between two pictures, but only the change you asked about.",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    add_completion=False,
)
for command in (compare, run, evaluate, encoders, methods, query, demo, link, doctor):
    app.command()(command)


def main() -> None:
    """Entry point of the `argus` command."""
    sys.exit(app())
