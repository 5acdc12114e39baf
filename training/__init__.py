"""How the `mini` encoder's head was made: generator, training, language tests. Not in the wheel."""
