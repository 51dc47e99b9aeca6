<<<<<<< HEAD
"""Errors that a user can act on. Each message says what happened, and what to do about it."""


class NtkvizError(Exception):
    """Base of all errors whose message is shown to the user; any other exception is a bug."""
=======
"""Errors for users: the message of each says what happened and what to do."""


class NtkvizError(Exception):
    """Base of the errors whose message is shown to the user unchanged; any other exception is a bug."""
>>>>>>> training


class InvalidInput(NtkvizError, ValueError):
    """A setting, a shape or a file cannot be used."""


class TooExpensive(NtkvizError):
<<<<<<< HEAD
    """A run would exceed a limit. The message gives the estimate, the limit, and the settings to lower."""


class Diverged(NtkvizError):
    """Training reached numbers that are not finite."""


class Cancelled(NtkvizError):
    """The run was cancelled: a `report` callback raises it to stop the run that calls it."""
=======
    """The estimated cost of a run is over the limit; the message says by how much and what to lower."""


class Diverged(NtkvizError):
    """The loss of a training run grew without bound."""


class Cancelled(NtkvizError):
    """A run was cancelled; its `report` function raises this to stop it."""
>>>>>>> training
