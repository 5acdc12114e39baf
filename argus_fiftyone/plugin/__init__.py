"""The FiftyOne plugin: the only code that knows FiftyOne."""
