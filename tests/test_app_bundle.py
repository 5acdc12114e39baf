"""The committed bundle of the App's panels is the one its sources build."""

import hashlib
from pathlib import Path

import yaml

ROOT = Path(__file__).resolve().parents[1]


def test_the_bundle_was_built_from_the_sources_beside_it():
    digest = hashlib.sha256()
    for path in sorted((ROOT / "app" / "src").iterdir(), key=lambda path: path.name):
        digest.update(path.name.encode() + path.read_bytes())
    first_line = (ROOT / "assets" / "argus_panels.js").read_text(encoding="utf-8").splitlines()[0]
    assert digest.hexdigest() in first_line, "sources changed: cd app && npm ci && npm run build"


def test_the_manifest_points_at_the_bundle():
    manifest = yaml.safe_load((ROOT / "fiftyone.yml").read_text())
    assert (ROOT / manifest["js_bundle"]).is_file()


def test_react_is_not_bundled():
    assert (ROOT / "assets" / "argus_panels.js").stat().st_size < 60_000
