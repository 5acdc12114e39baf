"""The form of compute_change_heatmaps: what to look for, with what, and how long it will take."""

from __future__ import annotations

from typing import Any

from fiftyone.operators import types

from argus_fiftyone.plugin.dataset.previews import in_words, seconds_per_pair
from argus_fiftyone.plugin.dataset.refining import stored_refinements
from argus_fiftyone.plugin.dataset.runs import list_runs
from argus_fiftyone.plugin.operators.base import target
from argus_fiftyone.plugin.operators.forms import (
    ask_new_key,
    ask_slices,
    ask_threshold,
    free_key,
    is_paired,
    may_ask_slices,
    parse_queries,
    refuse,
    refuse_out_of_range,
)
from argus_fiftyone.plugin.operators.runs import describe_run
from argus_fiftyone.settings import Settings

ATTENTIONS = ("auto", "kk", "vv", "qq", "v")
PRECISIONS = ("auto", "fp32", "bf16", "fp16")
OTHER = "other"
BY_HAND = "by hand"
STORE = "argus_presets"
SPEEDS = "argus_speeds"
KEPT = ("queries", "encoder", "other_encoder", "resolution", "threshold", "method", "attention", "precision")
"""What a preset keeps."""
GIVEN = ("threshold", "resolution", "method", "attention", "precision")
"""Settings that the form asks for as they are."""


def compute_form(ctx: Any) -> types.Property:
    """The form; its fields are the operator's parameters."""
    inputs = types.Object()
    if ask_slices(ctx, inputs) if may_ask_slices(ctx) else is_paired(ctx, inputs):
        pairs = target(ctx).count()
        _tell_time(ctx, inputs, pairs)
        preset = _ask_preset(ctx, inputs)
        if preset is None:
            _ask_queries(inputs)
            _ask_encoder(ctx, inputs)
            _ask_numbers(ctx, inputs)
            _ask_advanced(ctx, inputs)
        _ask_refined(ctx, inputs)
        _ask_dry_run(inputs)
        if not ctx.params.get("dry_run"):
            _ask_key(ctx, inputs)
        inputs.str(
            "save_preset", label="Keep these settings as", description="Optional: a name for next time"
        )
    return types.Property(inputs, view=types.View(label="Compute change heatmaps"))


def chosen_params(ctx: Any) -> dict[str, Any]:
    """The form's values, with those of the chosen preset in place."""
    params = dict(ctx.params)
    preset = presets(ctx).get(params.get("preset") or "")
    return {**params, **preset} if preset else params


def settings_of(params: dict[str, Any]) -> Settings:
    """The settings a filled form stands for."""
    encoder = params.get("other_encoder") if params.get("encoder") == OTHER else params.get("encoder")
    given = {name: params.get(name) for name in GIVEN} | {"encoder": encoder}
    return Settings(**{name: value for name, value in given.items() if value is not None})


def presets(ctx: Any) -> dict[str, dict[str, Any]]:
    """Saved settings by name."""
    store = ctx.store(STORE)
    return {name: store.get(name) for name in store.list_keys()}


def save_preset(ctx: Any, params: dict[str, Any]) -> None:
    """Keep the settings under the name the form gives, if it gives one."""
    name = (params.get("save_preset") or "").strip()
    if name:
        ctx.store(STORE).set(name, {key: params[key] for key in KEPT if params.get(key) is not None})


def remember_speed(ctx: Any, settings: Settings, seconds: float) -> None:
    """Keep what a pair took in a dry run, for the estimate."""
    ctx.store(SPEEDS).set(f"{settings.encoder} {settings.resolution}", seconds)


def _ask_preset(ctx: Any, inputs: types.Object) -> str | None:
    saved = presets(ctx)
    if not saved:
        return None
    choices = types.DropdownView()
    choices.add_choice(BY_HAND, label="By hand")
    for name in saved:
        choices.add_choice(name, label=name)
    inputs.str("preset", default=BY_HAND, label="Settings", view=choices)
    chosen = ctx.params.get("preset") or None
    if chosen in saved:
        told = "; ".join(f"{key} {value}" for key, value in saved[chosen].items() if value != "")
        inputs.view("preset_told", types.Notice(label=told))
    return chosen if chosen in saved else None


def _ask_queries(inputs: types.Object) -> None:
    inputs.str(
        "queries",
        label="What to look for",
        description='e.g. "a missing screw; a scratch": several queries with ; between them. '
        "Empty: each pair's own query",
    )


def _ask_encoder(ctx: Any, inputs: types.Object) -> None:
    from argus_fiftyone.encoders.registry import list_encoders

    choices = types.DropdownView()
    entries = list_encoders()
    ready = [entry for entry in entries if entry.ready]
    for entry in ready:
        choices.add_choice(entry.name, label=entry.name, description=entry.description)
    choices.add_choice(OTHER, label="Another CLIP", description="an open_clip model or a checkpoint file")
    default = ready[0].name if ready else OTHER
    inputs.str(
        "encoder", default=default, required=True, label="Encoder", description=_told(entries), view=choices
    )
    if (ctx.params.get("encoder") or default) == OTHER:
        told = "clip:MODEL:TAG, or clip:MODEL:PATH for a checkpoint on this machine"
        name = inputs.str("other_encoder", required=True, label="Name of the encoder", description=told)
        given = ctx.params.get("other_encoder")
        if given and not given.startswith("clip:"):
            refuse(name, "Write clip:MODEL:TAG or clip:MODEL:PATH.")


def _told(entries: list[Any]) -> str:
    """What can run here now, and what the others would need."""
    missing = [entry.name for entry in entries if not entry.ready]
    if len(missing) == len(entries):
        return "None can run here yet: " + " ".join(entry.missing for entry in entries)
    rest = f". Not here yet: {', '.join(missing)} (argus encoders tells what they need)" if missing else ""
    return f"Those that can run here now, best first{rest}"


def _ask_numbers(ctx: Any, inputs: types.Object) -> None:
    ask_threshold(inputs, Settings.threshold, ctx.params.get("threshold"))
    resolution = inputs.int(
        "resolution",
        default=Settings.resolution,
        label="Resolution",
        description="Long side in pixels at which pictures are compared; more finds smaller things, slower",
    )
    refuse_out_of_range(resolution, "resolution", ctx.params.get("resolution"))


def _ask_advanced(ctx: Any, inputs: types.Object) -> None:
    """The method, and what only CLIP towers know; hidden until somebody wants it."""
    from argus_fiftyone.methods.registry import method_names

    told = f"Method: {ctx.params.get('method') or Settings.method}"
    inputs.bool("advanced", default=False, label="Advanced", description=told, view=types.SwitchView())
    if not ctx.params.get("advanced"):
        return
    methods = types.DropdownView()
    for name in method_names():
        methods.add_choice(name, label=name)
    asked = "What tells a change; argus methods describes them. Scores of two methods are not comparable"
    inputs.str("method", default=Settings.method, label="Method", description=asked, view=methods)
    for name, choices in (("attention", ATTENTIONS), ("precision", PRECISIONS)):
        view = types.DropdownView()
        for choice in choices:
            view.add_choice(choice, label=choice)
        inputs.str(
            name, default="auto", label=name.capitalize(), description="Of CLIP towers only", view=view
        )


def _ask_refined(ctx: Any, inputs: types.Object) -> None:
    taught = [entry["query"] for entry in stored_refinements(ctx.dataset)]
    if taught:
        told = f"Learned for: {'; '.join(taught)}"
        inputs.bool("refined", default=True, label="Use what reviewers taught", description=told)


def _ask_dry_run(inputs: types.Object) -> None:
    told = "Compares three pairs and shows them; nothing is written"
    inputs.bool(
        "dry_run", default=False, label="Try on three pairs first", description=told, view=types.SwitchView()
    )


def _ask_key(ctx: Any, inputs: types.Object) -> None:
    key = ctx.params.get("run_key")
    prop = ask_new_key(inputs, "run_key", free_key(ctx.dataset), key, "Name of this run")
    if key and ctx.dataset.has_sample_field(key) and key not in list_runs(ctx.dataset):
        refuse(prop, f"{key} is another field of this dataset: choose another name.")
    if key in list_runs(ctx.dataset):
        told = describe_run(ctx.dataset, key)
        inputs.bool(
            "overwrite",
            default=False,
            label=f"Compute {key} anew",
            description=f"{key} exists ({told['queries']}; {told['status']}). Off: only pairs without a "
            "result are computed, with the same settings. Decisions of reviewers are kept either way.",
        )


def _tell_time(ctx: Any, inputs: types.Object, pairs: int) -> None:
    params = chosen_params(ctx)
    try:
        settings = settings_of(params)
    except ValueError:
        return
    speed = seconds_per_pair(ctx.dataset, settings)
    speed = speed or ctx.store(SPEEDS).get(f"{settings.encoder} {settings.resolution}")
    queries = len(parse_queries(params.get("queries"))) or 1
    asked = f"{pairs} pairs" + (f", {queries} queries" if queries > 1 else "")
    if speed is None:
        told = f"{asked}. How long: try on three pairs first to know"
    else:
        told = f"{asked}, {in_words(speed * pairs)}, at {speed:.2g} s per pair as measured here"
    inputs.view("estimate", types.Notice(label=told))
