"""Batching: which waiting messages become one turn."""

from bridge.domain.messages import InboundMessage, WaitingTurn

MAX_MESSAGES = 20
MAX_CHARS = 60_000


def joins(waiting: WaitingTurn, message: InboundMessage, *, trusted: bool) -> bool:
    """Whether `message` becomes part of the newest waiting turn of the same binding.

    Consecutive waiting messages become one turn, so that one answer serves them all; but words
    of somebody who is not trusted never ride on the turn of somebody who is, nor the reverse:
    who started a turn decides on its approvals.
    """
    return (
        waiting.trusted == trusted
        and waiting.message_count < MAX_MESSAGES
        and waiting.text_chars + len(message.text) <= MAX_CHARS
    )
