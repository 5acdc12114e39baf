"""Compare two pictures in Python and read the answer. Run: python examples/1_compare_two_pictures.py"""

import argus_fiftyone as argus
from argus_fiftyone.demo import PAIRS

folder = PAIRS.parent / "bsdata_wear"
pair = "332500_225_200907090102.jpg"
found = argus.compare(
    folder / "before" / pair, folder / "after" / pair, "pitting on the metal", encoder="mini"
)

print(f"score {found.score:.2f}, {found.direction}; alignment: {found.alignment}")
for region in found.regions:
    left, top, width, height = region.box
    print(
        f"{region.direction} at {left:.0%}, {top:.0%}, {width:.0%} wide: {region.score:.2f}, {region.area} px"
    )
