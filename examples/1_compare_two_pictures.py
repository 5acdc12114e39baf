"""Compare two pictures in Python and read the answer. Run: python examples/1_compare_two_pictures.py"""

from argus_fiftyone.demo import PAIRS
from argus_fiftyone.encoders.registry import load_encoder
from argus_fiftyone.engine.compare import Walk, compare_images
from argus_fiftyone.methods.registry import load_method
from argus_fiftyone.settings import Settings

folder = PAIRS.parent / "bsdata_wear"
pair = "332500_225_200907090102.jpg"
encoder = load_encoder("mini")
walk = Walk(load_method("argus", encoder), encoder, Settings())
(answer,) = compare_images(folder / "before" / pair, folder / "after" / pair, ["pitting on the metal"], walk)

print(f"score {answer.score:.2f}, {answer.direction}; alignment: {answer.alignment}")
for region in answer.regions:
    left, top, width, height = region.box
    print(
        f"{region.direction} at {left:.0%}, {top:.0%}, {width:.0%} wide: {region.score:.2f}, {region.area} px"
    )
