"""What the commands share: options, and how bad usage is told."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

from argus_fiftyone.settings import Settings

if TYPE_CHECKING:
    from argus_fiftyone.encoders.protocol import Encoder

EncoderOption = Annotated[str, typer.Option("--encoder", help="An encoder as `argus encoders` lists it.")]
MethodOption = Annotated[
    str, typer.Option("--method", help="A method as `argus methods` lists it, or package.module:Class.")
]
AttentionOption = Annotated[
    str, typer.Option("--attention", help="Of CLIP towers: kk, vv, qq, v or auto (kk).")
]
PrecisionOption = Annotated[str, typer.Option("--precision", help="Of CLIP towers: fp32, bf16, fp16, auto.")]
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


def encoder_for(settings: Settings) -> Encoder:
    """The encoder that the settings' method needs; what cannot run here is bad usage."""
    from argus_fiftyone.io.errors import ArgusError
    from argus_fiftyone.methods import registry

    try:
        return registry.encoder_for(settings)
    except (ArgusError, ValueError) as error:
        raise usage(str(error)) from None


def usage(message: str) -> typer.Exit:
    """To be raised where a command is called wrongly: one line, and exit status 2."""
    typer.echo(f"argus: {message}", err=True)
    return typer.Exit(2)
