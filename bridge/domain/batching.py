"""Batching: which waiting messages become one turn."""

from bridge.domain.ids import UserId
from bridge.domain.messages import InboundMessage, WaitingTurn

MAX_MESSAGES = 20
MAX_CHARS = 60_000


def joins(
    waiting: WaitingTurn,
    message: InboundMessage,
    *,
    trusted: bool,
    approvers: frozenset[UserId] = frozenset(),
) -> bool:
    """Whether `message` becomes part of the newest waiting turn of the same binding.

    Consecutive waiting messages become one turn, so that one answer serves them all; but only
    those of people with the same rights: who started a turn decides on its approvals, and nobody's
    words ride on the rights of somebody else.

    Args:
        waiting: the turn.
        message: what came in.
        trusted: whether its author is.
        approvers: people who may decide on every approval.
    """
    return (
        waiting.trusted == trusted
        and (waiting.author in approvers) == (message.user in approvers)
        and waiting.message_count < MAX_MESSAGES
        and waiting.text_chars + len(message.text) <= MAX_CHARS
    )
