"""Parts that several sentences share: advice, who can help, and other people's text within ours."""

from runtime.text import isolate, make_line, shorten

NONE = "–"
UNREADABLE = "Cannot be read"
NO_POINTS_HERE = "Points cannot be added here."
# A change of the ticket's tags draws a new panel.
TAG_ADVICE = "Add or remove a tag, then try again."
# These name the person who can help if an agent cannot.
ASK_MANAGER = "Ask a manager."
TELL_ADMINISTRATOR = "You cannot fix this. Please tell your administrator."
# The scale of the shop's points was not proven.
NOT_VERIFIED = f"this shop is not verified. {TELL_ADMINISTRATOR}"
INSTALL_AGAIN = "Please tell your administrator: the integration must be installed again."
CHECKING_TIME = "This can take 20 minutes or more."
_MAX_ECHO_CHARS = 80


def format_echo(text: str) -> str:
    """Other people's text inside our sentence: one line, isolated, at most 80 characters."""
    return isolate(shorten(make_line(text), _MAX_ECHO_CHARS))


def say_status(word: str) -> str:
    """For a status that the shop's profile does not know: "TRIFFT says this member is 'suspended'."."""
    shown = format_echo(word)
    return f"TRIFFT says this member is '{shown}'." if shown else "TRIFFT does not say whether this member is active."


def say_several_wallets() -> str:
    return "This member has several wallets."
