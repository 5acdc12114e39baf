"""Ask one pair several questions for the price of one. Run: python examples/2_many_queries.py"""

from argus_fiftyone.demo import PAIRS
from argus_fiftyone.encoders.registry import load_encoder
from argus_fiftyone.engine.compare import Walk, compare_images
from argus_fiftyone.methods.registry import load_method
from argus_fiftyone.settings import Settings

folder = PAIRS.parent / "aws_cookies"
before, after = (folder / side / "anomaly-13.jpg" for side in ("before", "after"))
queries = ["a crack or break", "a missing chocolate chip", "mould", ""]
encoder = load_encoder("mini")
walk = Walk(load_method("argus", encoder), encoder, Settings())

for answer in compare_images(before, after, queries, walk):
    asked = answer.query or "any change"
    print(
        f"{asked:<26} score {answer.score:.2f}, {len(answer.regions)} regions, "
        f"support {answer.query_support:.2f}"
    )
