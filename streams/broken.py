"""Which messages break our own code, alone or beside others: found by trying, so that the others can be stored."""

from collections.abc import Callable, Sequence

from streams.blocks import LogMessage

Try = Callable[[Sequence[LogMessage]], Exception | None]


def broken(messages: Sequence[LogMessage], attempt: Try) -> list[tuple[LogMessage, Exception]]:
    """Return the messages that are to be left out, each with its error, so that the rest passes `attempt` as a whole.

    `attempt` returns what went wrong. First each message is tried alone: a flood of broken ones costs little. Of those
    that break only beside others, the later ones are left out.
    """
    alone = [(message, attempt([message])) for message in messages]
    found = [(message, error) for message, error in alone if error is not None]
    sound = [message for message, error in alone if error is None]
    if found and attempt(sound) is None:
        return found
    return found + _beside([], sound, attempt)[1]


def _beside(
    kept: list[LogMessage], messages: list[LogMessage], attempt: Try
) -> tuple[list[LogMessage], list[tuple[LogMessage, Exception]]]:
    """Add to `kept` what passes beside it, by halves; return that, and what does not."""
    if not messages or (error := attempt(kept + messages)) is None:
        return kept + messages, []
    if len(messages) == 1:
        return kept, [(messages[0], error)]
    half = len(messages) // 2
    kept, first = _beside(kept, messages[:half], attempt)
    kept, second = _beside(kept, messages[half:], attempt)
    return kept, first + second
