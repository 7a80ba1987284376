"""Transcript of a turn: joins stored text with streamed text.

After a lost link or a restart the text comes from two sides that overlap: the deltas since the
runtime was started again, and the stored messages. `Transcript` holds deltas back from the
moment that text may be missing until the stored messages are there, and then joins the two.

Measured on 0.34.12 (36 listings amid a stream of 20, 100 and 1000 deltas a second, each on a
connection of its own): a message has one id in the deltas and in the listing, and its stored
text is exactly what all deltas sent before the listing's answer add up to: the snapshot is taken
between request and answer, no delta before the answer is missing in it and none after it is in
it. `joined` relies only on this much: the snapshot is not older than the first held delta.
"""

from collections.abc import Sequence

from bridge.domain.ids import RunId
from bridge.domain.ports import HistoryMessage, Reply

STORED = RunId("stored")
"""Stands for the run of stored text."""

Piece = tuple[RunId, str, str]
"""Run, message id, text."""


def joined(stored: str, pieces: Sequence[str]) -> str:
    """The whole text of a message.

    `stored` ends somewhere in `pieces`, which came one after another: the most of them with
    which it ends are taken to be in it. Text that repeats itself may have more than one such
    place; then what is shown may lack a repetition until the turn's end, when the stored text
    is read once more.
    """
    whole = "".join(pieces)
    end = len(whole)
    for piece in reversed(pieces):
        if stored.endswith(whole[:end]):
            return stored + whole[end:]
        end -= len(piece)
    return stored + whole


class Transcript:
    """Brings the text of one turn into its reply, each message of the agent once.

    The reply knows a message by run and id. Stored messages name no run, so each is shown under
    the run with which its id came first, or under one of its own.
    """

    def __init__(self, reply: Reply) -> None:
        self._reply = reply
        self._run_of: dict[str, RunId] = {}
        self._messages_of: dict[RunId, set[str]] = {}
        self._same: dict[str, str] = {}
        self._held: list[Piece] | None = None
        self._whole: frozenset[str] | None = None
        self.is_empty = True

    def append(self, run_id: RunId, message_id: str, text: str) -> None:
        """The next piece of a message, as it comes."""
        if self._held is not None:
            self._held.append((run_id, message_id, text))
            return
        if self._whole is not None and message_id not in self._whole:
            return  # text before it is missing
        self.is_empty = False
        message_id = self._same.get(message_id, message_id)
        self._reply.append(self._named(run_id, message_id), message_id, text)

    def miss(self) -> None:
        """Text may be missing from now on; what is held already will be in the stored text."""
        self._held = []

    async def fill(
        self,
        stored: Sequence[HistoryMessage],
        *,
        restarted: bool = False,
        keeps_ids: bool = True,
        answer_stored: bool = True,
        seal_at: frozenset[str] = frozenset(),
    ) -> None:
        """Bring the reply to what is stored and to what came since; hold nothing back any more.

        Args:
            stored: the agent's messages and tool calls in this turn, oldest first.
            restarted: what was said before does not count; what is held does.
            keeps_ids: False where deltas and stored messages have different ids (PROTOCOL §22):
                then everything is shown anew.
            answer_stored: False for an aborted answer, which the server does not store
                (PROTOCOL §14): what comes of messages that are not in `stored` is dropped,
                because it would follow a hole.
            seal_at: tool calls under whose text a card stands.
        """
        if restarted or (stored and not keeps_ids):
            self._drop(frozenset(self._run_of))
        for message in stored:
            if message.role == "call" and message.call_id in seal_at:
                await self._reply.seal()
            elif message.role == "assistant" and message.text:
                self._set(message.message_id, message.text)
        texts = {m.message_id: m.text for m in stored if m.role == "assistant"}
        self._whole = None if answer_stored else frozenset(texts)
        self._release(texts, keeps_ids)

    def drop(self, run_ids: frozenset[RunId]) -> None:
        """Take out the text of these runs."""
        self._held = self._held and [piece for piece in self._held if piece[0] not in run_ids]
        names = (self._messages_of.get(run, set()) for run in run_ids)
        self._drop(frozenset().union(*names))

    def drop_all(self) -> None:
        """Take out everything."""
        self._held = self._held and []
        self._drop(frozenset(self._run_of))

    def _drop(self, message_ids: frozenset[str]) -> None:
        known = frozenset(self._run_of.pop(name) for name in message_ids if name in self._run_of)
        if known:
            self._reply.drop_runs(known)

    def _release(self, texts: dict[str, str], keeps_ids: bool) -> None:
        """Nothing is awaited here: no piece comes between the join and the end of holding."""
        held, self._held = self._held or [], None
        pieces: dict[str, list[Piece]] = {}
        for piece in held:
            pieces.setdefault(piece[1], []).append(piece)
        for message_id, ours in pieces.items():
            said = [text for _, _, text in ours]
            if message_id not in texts and not keeps_ids:
                self._recognise(message_id, said, texts)
            known = self._same.get(message_id, message_id)
            if known in texts:
                self._named(ours[0][0], known)
                self._set(known, joined(texts[known], said))
                continue
            for piece in ours:
                self.append(*piece)

    def _recognise(self, message_id: str, said: Sequence[str], texts: dict[str, str]) -> None:
        """Where ids differ, pieces that the newest stored text ends with are of that message."""
        newest = next(reversed(texts), None)
        if newest is not None and joined(texts[newest], said) != texts[newest] + "".join(said):
            self._same[message_id] = newest

    def _set(self, message_id: str, text: str) -> None:
        self.is_empty = False
        self._reply.set_text(self._named(STORED, message_id), message_id, text)

    def _named(self, run_id: RunId, message_id: str) -> RunId:
        """The run under which the reply knows the message."""
        own = RunId(f"{STORED} {message_id}") if run_id == STORED else run_id
        named = self._run_of.setdefault(message_id, own)
        self._messages_of.setdefault(run_id, set()).add(message_id)
        return named
