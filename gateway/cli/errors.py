"""The errors that end a command."""


class UsageError(Exception):
    """An argument is wrong. The message is one line that names it and says what to do."""


class CommandError(Exception):
    """The command could not do its work. The message has one or two lines; `code` is the exit code."""

    def __init__(self, message: str, *, code: int = 1) -> None:
        super().__init__(message)
        self.code = code
