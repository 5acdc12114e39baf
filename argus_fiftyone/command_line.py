"""The `argus` command: forms and messages, no arithmetic.

Exit status: 0 when all pairs ran, 1 when some failed (the rest are written), 2 for bad usage.
"""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Annotated

import typer

from argus_fiftyone.settings import Settings

app = typer.Typer(
    help="Show what changed between two pictures, but only the change you asked about.",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    add_completion=False,
)

EncoderOption = Annotated[str, typer.Option("--encoder", help="An encoder as `argus encoders` lists it.")]
DeviceOption = Annotated[str, typer.Option("--device", help="cuda, mps, cpu or auto.")]
ThresholdOption = Annotated[
    float, typer.Option("--threshold", help="Evidence from which a change counts, in (0, 1].")
]
ResolutionOption = Annotated[
    int, typer.Option("--resolution", help="Long side in px at which pictures are seen; more finds smaller.")
]
MapSizeOption = Annotated[int, typer.Option("--map-size", help="Long side in px that heatmaps have at most.")]

CACHE_HELP = "Folder that keeps what was seen, so that another query on the same pictures is quick."
RAY_HELP = "Run on Ray: local (this machine), auto (the cluster it belongs to) or ray://host:10001."


@app.command()
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
) -> None:
    """Compare two pictures and write heatmap.png, overlay.png and result.json."""
    from argus_fiftyone.engine.compare import Walk, compare_images
    from argus_fiftyone.methods.registry import load_method

    numbers = {"threshold": threshold, "resolution": resolution, "map_size": map_size}
    settings = _settings(encoder=encoder, device=device, **numbers)
    loaded = _load(settings)
    try:
        walk = Walk(load_method(settings.method, loaded), loaded, settings)
        (comparison,) = compare_images(before, after, [query], walk)
        comparison.save(out)
    except ValueError as error:
        typer.echo(f"argus: {error}", err=True)
        raise typer.Exit(1) from None
    typer.echo(f"score {comparison.score:.2f}, {comparison.direction}; alignment: {comparison.alignment}")
    typer.echo(f"{comparison.encoder}; query support {comparison.query_support:.2f}; written to {out}")


@app.command()
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
    from argus_fiftyone.io.pair_list import PairListError, read_pairs
    from argus_fiftyone.runs.folder import RunFolderError, run_pairs

    numbers = {"threshold": threshold, "resolution": resolution, "map_size": map_size}
    settings = _settings(encoder=encoder, device=device, **numbers)
    try:
        listed = read_pairs(pairs)
    except PairListError as error:
        raise _usage(str(error)) from None
    loaded = _load(settings)
    try:
        if ray:
            from argus_fiftyone.runs.on_ray import run_on_ray

            spread = {"address": ray, "workers": workers, "cache": cache}
            failed = run_on_ray(listed, out, settings, loaded, query, overwrite=overwrite, **spread)
        else:
            kept = FeatureCache(cache, cache_gb) if cache else None
            failed = run_pairs(listed, out, settings, loaded, query, overwrite=overwrite, cache=kept)
    except RunFolderError as error:
        raise _usage(str(error)) from None
    typer.echo(f"{len(listed) - failed} of {len(listed)} pairs compared with {loaded.name}; written to {out}")
    if failed:
        typer.echo(f"{failed} failed: see the error column of {out / 'scores.csv'}", err=True)
        raise typer.Exit(1)


@app.command()
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
        raise _usage(str(error)) from None
    typer.echo(as_table(report))
    saved = save(report, json_file or folder / "metrics.json")
    typer.echo(f"saved to {saved}")


@app.command()
def encoders() -> None:
    """List which encoders can run here and now, and what the others would need."""
    from argus_fiftyone.encoders.registry import list_encoders

    for number, entry in enumerate(list_encoders()):
        state = "ready" if entry.ready else f"needs {entry.missing}"
        chosen = " (default)" if number == 0 and entry.ready else ""
        typer.echo(f"{entry.name}{chosen}\n    {entry.description}\n    {state}")


@app.command()
def demo(
    out: Annotated[Path, typer.Option("--out", "-o", help="Folder for pictures and tables.")] = Path(
        "demo-out"
    ),
    open_app: Annotated[bool, typer.Option("--app", help="Open the FiftyOne App on the result.")] = False,
    encoder: EncoderOption = Settings.encoder,
) -> None:
    """Run the main job on the shipped pairs, evaluate it and load it into FiftyOne."""
    from argus_fiftyone.demo import run_demo

    settings = _settings(encoder=encoder)
    _load(settings)
    if run_demo(out, settings, open_app, typer.echo):
        raise typer.Exit(1)


@app.command()
def link() -> None:
    """Put the plugin into FiftyOne's plugin folder, so that the App finds it."""
    from argus_fiftyone.plugin.link import link_plugin

    try:
        typer.echo(link_plugin())
    except FileExistsError as error:
        raise _usage(str(error)) from None


def _settings(**values) -> Settings:
    try:
        return Settings(**values)
    except ValueError as error:
        raise _usage(str(error)) from None


def _load(settings: Settings):
    from argus_fiftyone.encoders.entries import EncoderUnavailable
    from argus_fiftyone.encoders.registry import load_encoder

    try:
        return load_encoder(settings.encoder, settings.device)
    except EncoderUnavailable as error:
        raise _usage(str(error)) from None


def _usage(message: str) -> typer.Exit:
    typer.echo(f"argus: {message}", err=True)
    return typer.Exit(2)


def main() -> None:
    """Entry point of the `argus` command."""
    sys.exit(app())


if __name__ == "__main__":
    main()
