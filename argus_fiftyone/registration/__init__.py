"""Two images → one size, one frame, one exposure. Needs no torch."""
