"""The one family of errors that Argus raises on purpose."""


class ArgusError(Exception):
    """Something cannot be done as asked; the message names the file, field or option and what to do."""
