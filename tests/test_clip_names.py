"""Encoder names as users write them, and what is said about wrong ones."""

import doctest

import pytest

from argus_fiftyone.encoders.checkpoints import pretrained_entry
from argus_fiftyone.encoders.clip import names as clip_names
from argus_fiftyone.encoders.clip.names import SHORT_NAMES, ClipName, parse_clip_name
from argus_fiftyone.encoders.clip.tower import tower_config


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("clip:ViT-B-16-quickgelu:openai", ClipName("ViT-B-16-quickgelu", "openai", "tag")),
        ("clip:ViT-B/16:openai", ClipName("ViT-B-16", "openai", "tag")),
        ("clip:ViT-B-32:random", ClipName("ViT-B-32", "random", "random")),
        ("clip:ViT-B-32:tower.safetensors", ClipName("ViT-B-32", "tower.safetensors", "path")),
        ("clip:ViT-B-32:~/models/tower", ClipName("ViT-B-32", "~/models/tower", "path")),
        (r"clip:ViT-B-32:C:\models\b32.pt", ClipName("ViT-B-32", r"C:\models\b32.pt", "path")),
    ],
)
def test_a_name_is_taken_apart(name: str, expected: ClipName):
    assert parse_clip_name(name) == expected


@pytest.mark.parametrize("name", SHORT_NAMES)
def test_a_short_name_stands_for_its_model_and_tag(name: str):
    assert str(parse_clip_name(name)) == f"clip:{SHORT_NAMES[name].name}"


@pytest.mark.parametrize("name", ["clip:", "clip:ViT-B-32", "clip::openai", "mini", "clop:ViT-B-32:openai"])
def test_a_malformed_name_is_refused_with_an_example(name: str):
    with pytest.raises(ValueError, match="for example clip:ViT-B-16-quickgelu:openai"):
        parse_clip_name(name)


def test_every_recommendation_is_a_model_and_tag_open_clip_knows():
    for known in SHORT_NAMES.values():
        model, tag = known.name.split(":")
        assert pretrained_entry(model, tag)
        assert bool(tower_config(model).get("quick_gelu")) == pretrained_entry(model, tag)["quick_gelu"]


def test_the_examples_in_the_docstrings_run():
    result = doctest.testmod(clip_names)
    assert result.attempted
    assert not result.failed
