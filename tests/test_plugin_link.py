"""The plugin in FiftyOne's folder: linked from a checkout, copied from a wheel, never over another's."""

from __future__ import annotations

from pathlib import Path

import pytest

from argus_fiftyone.plugin import link as plugin_link


def test_from_a_checkout_the_plugin_is_a_link_and_a_second_call_renews_it(tmp_path: Path):
    for _ in range(2):
        said = plugin_link.link_plugin(tmp_path / "plugins")
        target = tmp_path / "plugins" / plugin_link.NAME
        assert target.is_symlink()
        assert (target / "fiftyone.yml").is_file()
        assert target.resolve() == plugin_link.plugin_source().resolve()
        assert said.startswith(f"linked {target}")


def test_from_a_wheel_the_plugin_is_copied_and_a_second_call_replaces_it(tmp_path: Path, monkeypatch):
    package = tmp_path / "site-packages" / "argus_fiftyone"
    (package / "plugin_files").mkdir(parents=True)
    (package / "plugin_files" / "fiftyone.yml").write_text("name: argus-fiftyone\n")
    monkeypatch.setattr(plugin_link, "PACKAGE", package)
    target = tmp_path / "plugins" / plugin_link.NAME
    assert plugin_link.link_plugin(tmp_path / "plugins").startswith("copied the plugin")
    (target / "stale.py").write_text("")
    plugin_link.link_plugin(tmp_path / "plugins")
    assert [path.name for path in target.iterdir()] == ["fiftyone.yml"]
    assert not target.is_symlink()


@pytest.mark.parametrize("foreign", ["empty", "another plugin", "a file"])
def test_what_is_not_argus_is_never_replaced(tmp_path: Path, foreign: str):
    target = tmp_path / "plugins" / plugin_link.NAME
    target.parent.mkdir()
    if foreign == "a file":
        target.write_text("mine")
    else:
        target.mkdir()
    if foreign == "another plugin":
        (target / "fiftyone.yml").write_text("name: somebody-elses\n")
    with pytest.raises(FileExistsError, match="is not Argus; move it away"):
        plugin_link.link_plugin(tmp_path / "plugins")
    assert target.exists()
