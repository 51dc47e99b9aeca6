"""Errors that a user can act on. Each message says what happened, and what to do about it."""


class NtkvizError(Exception):
    """Base of all errors whose message is shown to the user; any other exception is a bug."""


class InvalidInput(NtkvizError, ValueError):
    """A setting, a shape or a file cannot be used."""


class TooExpensive(NtkvizError):
    """A run would exceed a limit. The message gives the estimate, the limit, and the settings to lower."""


class Diverged(NtkvizError):
    """Training reached numbers that are not finite."""


class Cancelled(NtkvizError):
    """The run was cancelled: a `report` callback raises it to stop the run that calls it."""
