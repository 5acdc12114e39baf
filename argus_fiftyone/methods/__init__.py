"""What does this image show, of the query, that its references do not? One file a method."""
