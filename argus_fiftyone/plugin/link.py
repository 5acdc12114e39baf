"""Put the plugin where FiftyOne looks for it.

FiftyOne knows no Python entry points: it walks its plugins folder. From a checkout a link
to the repository is enough; from a wheel the few files are written there.
"""

from __future__ import annotations

import shutil
from pathlib import Path

PACKAGE = Path(__file__).parents[1]
NAME = "argus-fiftyone"
FILES = ("fiftyone.yml", "plugin_entry.py", "requirements.txt", "assets")


def link_plugin(plugins_folder: Path | None = None) -> str:
    """Link (checkout) or copy (wheel) the plugin; a sentence that says what was done.

    Args:
        plugins_folder: FiftyOne's own by default.

    Raises:
        FileExistsError: if something else stands at that place.
    """
    if plugins_folder is None:
        import fiftyone as fo

        plugins_folder = Path(str(fo.config.plugins_dir))
    target, source = plugins_folder / NAME, plugin_source()
    plugins_folder.mkdir(parents=True, exist_ok=True)
    if target.is_symlink():
        target.unlink()
    elif target.exists():
        if not (target / FILES[0]).is_file() or NAME not in (target / FILES[0]).read_text():
            raise FileExistsError(
                f"{target} exists and is not Argus; move it away and run `argus link` again"
            )
        shutil.rmtree(target)
    if source == PACKAGE / "plugin_files":
        shutil.copytree(source, target)
        return f"copied the plugin to {target}; restart the App to see it"
    target.symlink_to(source, target_is_directory=True)
    return f"linked {target} → {source}; restart the App to see it"


def plugin_source() -> Path:
    """The folder with fiftyone.yml: the repository in a checkout, `plugin_files/` in a wheel."""
    checkout = PACKAGE.parent
    return checkout if (checkout / FILES[0]).is_file() else PACKAGE / "plugin_files"
