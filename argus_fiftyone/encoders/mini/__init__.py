"""`mini`: the encoder whose weights come from a package index."""
