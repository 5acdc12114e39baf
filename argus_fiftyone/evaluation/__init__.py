"""Maps and scores against masks and labels."""
