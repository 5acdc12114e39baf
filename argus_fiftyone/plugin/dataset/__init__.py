"""The FiftyOne dataset as Argus uses it: groups of a before and an after slice, and runs on them.

Read in the order of use: `slices` (groups → pairs), `imports` (files → groups),
`fields` (what a run writes), `runs` (its record and folder), `writing` and
`computing` (heatmaps in), `thresholds`, `reviews`, `ground_truth` (what follows).
"""
