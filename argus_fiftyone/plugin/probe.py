"""Whether FiftyOne finds the plugin and reaches its database, asked in a process of its own.

FiftyOne may hang, start its database, or bring an older one to its own version; the process is
ended after a while, the database it started ends with it, and nothing is brought to another version.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
from dataclasses import dataclass
from typing import Any

from argus_fiftyone.plugin.link import NAME

PATIENCE = 60.0
"""Seconds. FiftyOne and its database start within about 10, on a busy machine within several times that."""


@dataclass(frozen=True)
class Probe:
    """What FiftyOne said.

    Attributes:
        database: "answers, 3 datasets", or why it does not.
        database_uri: as FiftyOne is set; "" where it starts a database itself.
        plugin: where FiftyOne finds Argus, or where it looked.
    """

    database: str
    database_uri: str = ""
    plugin: str = "unknown: FiftyOne did not say where it looks"


def probe(patience: float = PATIENCE) -> Probe:
    """Ask FiftyOne; never raises for what FiftyOne does, nor takes longer than `patience` seconds."""
    environment = {**os.environ, "FIFTYONE_DISABLE_MIGRATIONS": "1", "FIFTYONE_DO_NOT_TRACK": "1"}
    command = [sys.executable, "-m", "argus_fiftyone.plugin.probe"]
    pipes: dict[str, Any] = {"stdin": subprocess.DEVNULL, "stderr": subprocess.DEVNULL}
    try:
        said = subprocess.run(
            command, env=environment, stdout=subprocess.PIPE, timeout=patience, **pipes
        ).stdout
    except subprocess.TimeoutExpired as late:
        said, told = late.stdout or b"", {"database": f"gives no answer within {patience:g} s"}
    else:
        told = {"database": "unknown: FiftyOne ended without a word"}
    for line in said.decode(errors="replace").splitlines():
        if line.startswith("{"):
            told |= json.loads(line)
    return Probe(**told)


def main() -> None:
    """Print what is known, a JSON object a line."""
    try:
        import fiftyone as fo

        _say(database_uri=fo.config.database_uri or "", plugin=_plugin(str(fo.config.plugins_dir)))
        _say(database=f"answers, {len(fo.list_datasets())} datasets")
    except Exception as error:
        _say(database=f"cannot be reached: {type(error).__name__}: {(str(error).splitlines() or [''])[0]}")
    # Without FiftyOne's exit hook, which deletes datasets that are not persistent.
    os._exit(0)


def _plugin(folder: str) -> str:
    import fiftyone.plugins as fop

    for enabled, state in ((True, "found"), (False, "switched off in FiftyOne")):
        for plugin in fop.list_plugins(enabled=enabled):
            if plugin.name.endswith(f"/{NAME}"):
                here, target = str(plugin.directory), os.path.realpath(str(plugin.directory))
                return f"{state}: {here}" + (f" → {target}" if target != here else "")
    return f"not found in {folder}: run `argus link`"


def _say(**told: str) -> None:
    print(json.dumps(told), flush=True)


if __name__ == "__main__":
    main()
