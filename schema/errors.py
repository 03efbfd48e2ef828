"""The one error that the command line turns into a line for the operator."""


class GigawattError(Exception):
    """Something that the operator can mend; the message is one line and says what to do next."""
