"""Files ↔ arrays: images, heatmaps, masks, lists of pairs. Needs neither torch nor FiftyOne."""
