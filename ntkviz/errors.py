"""Errors for users: the message of each says what happened and what to do."""


class NtkvizError(Exception):
    """Base of the errors whose message is shown to the user unchanged; any other exception is a bug."""


class InvalidInput(NtkvizError, ValueError):
    """A setting, a shape or a file that cannot be used."""


class TooExpensive(NtkvizError):
    """The estimated cost of a run is over the limit; the message says by how much and what to lower."""


class Diverged(NtkvizError):
    """The loss of a training run grew without bound."""


class Cancelled(NtkvizError):
    """A run was cancelled; its `report` function raises this to stop it."""
