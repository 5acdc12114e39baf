"""What the commands share: options, and how bad usage is told."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

from argus_fiftyone.settings import Settings

if TYPE_CHECKING:
    from argus_fiftyone.encoders import Encoder

EncoderOption = Annotated[str, typer.Option("--encoder", help="An encoder as `argus encoders` lists it.")]
DeviceOption = Annotated[str, typer.Option("--device", help="cuda, mps, cpu or auto.")]
ThresholdOption = Annotated[
    float, typer.Option("--threshold", help="Evidence from which a change counts, in (0, 1].")
]
ResolutionOption = Annotated[
    int, typer.Option("--resolution", help="Long side in px at which pictures are seen; more finds smaller.")
]
MapSizeOption = Annotated[int, typer.Option("--map-size", help="Long side in px that heatmaps have at most.")]


def settings_of(**values) -> Settings:
    """The settings of the options given; a value out of range is bad usage."""
    try:
        return Settings(**values)
    except ValueError as error:
        raise usage(str(error)) from None


def loaded_by(settings: Settings) -> Encoder:
    """The encoder that the settings name; one that cannot run here is bad usage."""
    from argus_fiftyone.encoders import EncoderUnavailable
    from argus_fiftyone.encoders.registry import load_encoder

    try:
        return load_encoder(settings.encoder, settings.device)
    except EncoderUnavailable as error:
        raise usage(str(error)) from None


def usage(message: str) -> typer.Exit:
    """To be raised where a command is called wrongly: one line, and exit status 2."""
    typer.echo(f"argus: {message}", err=True)
    return typer.Exit(2)
