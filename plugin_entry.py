"""Entry of the FiftyOne plugin: hands over to the installed package.

FiftyOne runs this file again at every look-up of an operator, under a name of its own.
So it holds nothing: the package is imported once, under its one name. Where it is not
installed, the copy beside this file is used.
"""

import sys
from pathlib import Path

try:
    from argus_fiftyone.plugin.register import register
except ModuleNotFoundError as missing:
    if missing.name != "argus_fiftyone":
        raise
    sys.path.insert(0, str(Path(__file__).resolve().parent))
    from argus_fiftyone.plugin.register import register

__all__ = ["register"]
