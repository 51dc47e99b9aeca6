"""Errors that a user can act on: one sentence that says what happened and what to do."""


class NtkvizError(Exception):
    """Base of everything that is shown to a user as it stands; any other exception is a bug."""


class InvalidInput(NtkvizError, ValueError):
    """A setting, a shape or a file that cannot be used."""


class TooExpensive(NtkvizError):
    """A run whose estimated cost is over the limit; the message says by how much and what to lower."""


class Diverged(NtkvizError):
    """A training run that left the finite numbers."""


class Cancelled(NtkvizError):
    """Raised by a `report` callback to stop the run that calls it."""
