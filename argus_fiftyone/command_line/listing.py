"""Commands that tell what is here, and put the plugin where FiftyOne finds it."""

from __future__ import annotations

import json
from typing import Annotated

import typer

from argus_fiftyone.command_line.options import usage


def encoders() -> None:
    """List which encoders can run here and now, and what the others would need."""
    from argus_fiftyone.encoders.registry import list_encoders

    for number, entry in enumerate(list_encoders()):
        state = "ready" if entry.ready else f"needs {entry.missing}"
        chosen = " (default)" if number == 0 and entry.ready else ""
        typer.echo(f"{entry.name}{chosen}\n    {entry.description}\n    {state}")


def methods() -> None:
    """List which methods can be named here, what they need and where they come from."""
    from argus_fiftyone.methods.registry import list_methods

    for number, entry in enumerate(list_methods()):
        chosen = " (default)" if number == 0 else ""
        told = entry.problem or f"{entry.paper}\n    needs {entry.needs}"
        typer.echo(f"{entry.name}{chosen}\n    {told}\n    {entry.origin}")


def query(text: Annotated[str, typer.Argument(help='The words, e.g. "a missing screw".')]) -> None:
    """Print one JSON line: how the words are read."""
    from argus_fiftyone.text.query import parse_query

    typer.echo(json.dumps(parse_query(text).as_record(), ensure_ascii=False))


def doctor() -> None:
    """Tell versions, devices, encoders, cache, database and plugin, for an issue report; changes nothing."""
    from argus_fiftyone.command_line.doctor_report import lines

    for line in lines():
        typer.echo(line)


def link() -> None:
    """Put the plugin into FiftyOne's plugin folder, so that the App finds it."""
    from argus_fiftyone.plugin.link import link_plugin

    try:
        typer.echo(link_plugin())
    except FileExistsError as error:
        raise usage(str(error)) from None
