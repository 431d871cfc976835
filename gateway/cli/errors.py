"""What ends a command early."""


class UsageError(Exception):
    """An argument is wrong. The message is a line that names it and says what to do."""


class CommandError(Exception):
    """What was asked for could not be done. The message is a line or two."""
