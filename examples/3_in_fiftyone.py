"""Import pairs into FiftyOne, run the operator, evaluate. Run: python examples/3_in_fiftyone.py"""

from argus_fiftyone.demo import PAIRS, build_dataset
from argus_fiftyone.settings import Settings

# What `argus demo` does: a grouped dataset from pairs.csv, heatmaps, evaluation.
dataset = build_dataset(Settings(encoder="mini"), print)
print(f"{PAIRS.name} is now the dataset {dataset.name}; sort the after slice by argus_score")

print(dataset.select_group_slices("after").sort_by("argus_score", reverse=True).values("pair_id"))
