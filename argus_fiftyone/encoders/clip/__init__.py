"""CLIP towers of open_clip."""
