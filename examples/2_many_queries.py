"""Ask one pair several questions for the price of one. Run: python examples/2_many_queries.py"""

import argus_fiftyone as argus
from argus_fiftyone.demo import PAIRS

folder = PAIRS.parent / "aws_cookies"
before, after = (folder / side / "anomaly-13.jpg" for side in ("before", "after"))
queries = ["a crack or break", "a missing chocolate chip", "mould", ""]

for found in argus.compare(before, after, queries, encoder="mini"):
    asked = found.query or "any change"
    print(
        f"{asked:<26} score {found.score:.2f}, {len(found.regions)} regions, "
        f"support {found.query_support:.2f}"
    )
