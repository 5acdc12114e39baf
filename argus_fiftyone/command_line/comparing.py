"""Commands that compare pairs and measure what was found."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from argus_fiftyone.command_line.options import (
    AttentionOption,
    DeviceOption,
    EncoderOption,
    MapSizeOption,
    MethodOption,
    PrecisionOption,
    ResolutionOption,
    ThresholdOption,
    encoder_for,
    settings_of,
    usage,
)
from argus_fiftyone.settings import Settings

CACHE_HELP = "Folder that keeps what was seen, so that another query on the same pictures is quick."
RAY_HELP = "Run on Ray: local (this machine), auto (the cluster it belongs to) or ray://host:10001."


def compare(
    before: Path,
    after: Path,
    query: Annotated[
        str, typer.Argument(help='What to look for, e.g. "a missing screw"; "" for any change.')
    ],
    out: Annotated[
        Path, typer.Option("-o", "--out", help="Folder for heatmap.png, overlay.png and result.json.")
    ],
    encoder: EncoderOption = Settings.encoder,
    device: DeviceOption = Settings.device,
    threshold: ThresholdOption = Settings.threshold,
    resolution: ResolutionOption = Settings.resolution,
    map_size: MapSizeOption = Settings.map_size,
    method: MethodOption = Settings.method,
    attention: AttentionOption = Settings.attention,
    precision: PrecisionOption = Settings.precision,
) -> None:
    """Compare two pictures and write heatmap.png, overlay.png and result.json."""
    from argus_fiftyone.engine.compare import Walk, compare_images
    from argus_fiftyone.methods.registry import load_method

    how = {"encoder": encoder, "device": device, "method": method}
    how |= {"attention": attention, "precision": precision}
    settings = settings_of(threshold=threshold, resolution=resolution, map_size=map_size, **how)
    walk = Walk(load_method(method, encoder_for(settings)), settings)
    try:
        (comparison,) = compare_images(before, after, [query], walk)
        comparison.save(out)
    except ValueError as error:
        typer.echo(f"argus: {error}", err=True)
        raise typer.Exit(1) from None
    typer.echo(f"score {comparison.score:.2f}, {comparison.direction}; alignment: {comparison.alignment}")
    typer.echo(f"{comparison.told_by}; query support {comparison.query_support:.2f}; written to {out}")


def run(
    pairs: Annotated[Path, typer.Argument(help="CSV or Parquet with the columns id, before, after, query.")],
    out: Annotated[Path, typer.Option("--out", "-o", help="Folder for maps/ and scores.csv.")],
    encoder: EncoderOption = Settings.encoder,
    query: Annotated[
        list[str] | None, typer.Option("--query", help="Asked of every pair; may be repeated.")
    ] = None,
    device: DeviceOption = Settings.device,
    threshold: ThresholdOption = Settings.threshold,
    resolution: ResolutionOption = Settings.resolution,
    map_size: MapSizeOption = Settings.map_size,
    method: MethodOption = Settings.method,
    attention: AttentionOption = Settings.attention,
    precision: PrecisionOption = Settings.precision,
    overwrite: Annotated[bool, typer.Option("--overwrite", help="Compute anew what is there.")] = False,
    cache: Annotated[Path | None, typer.Option("--cache", help=CACHE_HELP, envvar="ARGUS_CACHE")] = None,
    cache_gb: Annotated[float, typer.Option("--cache-gb", help="Its budget, in GB.", min=0.01)] = 10.0,
    ray: Annotated[str | None, typer.Option("--ray", help=RAY_HELP, metavar="ADDRESS")] = None,
    workers: Annotated[int | None, typer.Option("--workers", help="Encoders at work on Ray.", min=1)] = None,
) -> None:
    """Compare every pair of a CSV and write signed maps and a table of scores.

    Killed or stopped, the same command goes on where it was; failed pairs are tried again.
    """
    from argus_fiftyone.engine.cache import FeatureCache
    from argus_fiftyone.engine.compare import named
    from argus_fiftyone.io.pair_list import PairListError, read_pairs
    from argus_fiftyone.runs.folder import RunFolderError, run_pairs

    how = {"encoder": encoder, "device": device, "method": method}
    how |= {"attention": attention, "precision": precision}
    settings = settings_of(threshold=threshold, resolution=resolution, map_size=map_size, **how)
    try:
        listed = read_pairs(pairs)
    except PairListError as error:
        raise usage(str(error)) from None
    loaded = encoder_for(settings)
    try:
        if ray:
            from argus_fiftyone.runs.on_ray import run_on_ray

            spread = {"address": ray, "workers": workers, "cache": cache}
            failed = run_on_ray(listed, out, settings, loaded, query, overwrite=overwrite, **spread)
        else:
            kept = FeatureCache(cache, cache_gb) if cache else None
            failed = run_pairs(listed, out, settings, loaded, query, overwrite=overwrite, cache=kept)
    except RunFolderError as error:
        raise usage(str(error)) from None
    told = f"{method} on {named(loaded)}" if named(loaded) else method
    typer.echo(f"{len(listed) - failed} of {len(listed)} pairs compared by {told}; written to {out}")
    if failed:
        typer.echo(f"{failed} failed: see the error column of {out / 'scores.csv'}", err=True)
        raise typer.Exit(1)


def evaluate(
    pairs: Annotated[Path, typer.Argument(help="The same CSV, with the columns mask and label.")],
    folder: Annotated[Path, typer.Argument(help="What `argus run` wrote.")],
    json_file: Annotated[Path | None, typer.Option("--json", help="Also save the metrics here.")] = None,
    threshold: ThresholdOption = Settings.threshold,
) -> None:
    """Measure a run against masks and labels; print and save the metrics."""
    from argus_fiftyone.evaluation.report import as_table, save
    from argus_fiftyone.io.pair_list import PairListError
    from argus_fiftyone.runs.evaluate import evaluate_run

    try:
        report = evaluate_run(pairs, folder, threshold)
    except PairListError as error:
        raise usage(str(error)) from None
    typer.echo(as_table(report))
    saved = save(report, json_file or folder / "metrics.json")
    typer.echo(f"saved to {saved}")


def demo(
    out: Annotated[Path, typer.Option("--out", "-o", help="Folder for pictures and tables.")] = Path(
        "demo-out"
    ),
    open_app: Annotated[bool, typer.Option("--app", help="Open the FiftyOne App on the result.")] = False,
    encoder: EncoderOption = Settings.encoder,
) -> None:
    """Run the main job on the shipped pairs, evaluate it and load it into FiftyOne."""
    from argus_fiftyone.demo import run_demo

    settings = settings_of(encoder=encoder)
    encoder_for(settings)
    if run_demo(out, settings, open_app, typer.echo):
        raise typer.Exit(1)
