"""The text of a reply between two seals, and its cut into messages."""

from collections.abc import Sequence, Set
from dataclasses import dataclass, field

from bridge.domain.ids import RunId, UserId
from bridge.render.limits import MARKDOWN_PART, size
from bridge.render.markdown import Part, cut
from bridge.render.markdown_lines import open_fence, with_fence_closed
from bridge.render.mentions import safe_markdown
from bridge.render.partial_markdown import closing

Key = tuple[RunId, str]
_SURELY_FITS = MARKDOWN_PART // 4


@dataclass(slots=True)
class _Segment:
    """One assistant message, or what of it followed something else."""

    key: Key
    pieces: list[str]

    @property
    def text(self) -> str:
        if len(self.pieces) > 1:
            self.pieces = ["".join(self.pieces)]
        return self.pieces[0] if self.pieces else ""


@dataclass(frozen=True, slots=True)
class _Full:
    """A message that is full. `end` is where its text ends in the source of the stretch."""

    end: int
    carry: str
    shown: str


@dataclass(slots=True)
class TextSection:
    """Text that may be cut but never crosses a card.

    `seqs` are the numbers of its messages that were ever shown; `shown` is how many of them have
    text now; `trace` says what ran when it was sealed. Appending is cheap: only the text after
    the last full message is looked at again.
    """

    allowed: Set[UserId]
    seqs: list[int] = field(default_factory=list)
    shown: int = 0
    trace: str = ""
    _segments: list[_Segment] = field(default_factory=list)
    _full: list[_Full] = field(default_factory=list)
    _tail: str = ""
    _pending: list[str] = field(default_factory=list)

    @property
    def has_text(self) -> bool:
        """Whether there is anything but white space."""
        return any(piece.strip() for segment in self._segments for piece in segment.pieces)

    def text(self) -> str:
        """The source: segments with a blank line between them."""
        return join([segment.text for segment in self._segments])

    def append(self, key: Key, piece: str) -> None:
        """Add to the newest segment, or begin a new one."""
        if self._segments and self._segments[-1].key == key:
            self._segments[-1].pieces.append(piece)
        else:
            if self._segments:
                self._pending.append(gap(self._segments[-1].text))
            self._segments.append(_Segment(key, [piece]))
        self._pending.append(piece)

    def holds(self, key: Key) -> bool:
        """Whether some of this assistant message is here."""
        return any(segment.key == key for segment in self._segments)

    def common(self, key: Key, text: str) -> str:
        """Return the beginning of `text` that is here already."""
        here = "".join(segment.text for segment in self._segments if segment.key == key)
        return text[: agreeing(here, text)]

    def set_text(self, key: Key, text: str) -> None:
        """Make `text` the whole of this assistant message here, leaving what agrees in place."""
        mine = [segment for segment in self._segments if segment.key == key]
        before = self.text()
        for segment in mine:
            agrees = segment is not mine[-1] and text.startswith(segment.text)
            taken = len(segment.text) if agrees else len(text)
            segment.pieces = [text[:taken]]
            text = text[taken:]
        self._changed(before)

    def drop_runs(self, run_ids: Set[RunId]) -> None:
        """Take out the segments of these runs."""
        before = self.text()
        self._segments = [found for found in self._segments if found.key[0] not in run_ids]
        self._changed(before)

    def render(self, *, live: bool) -> list[str]:
        """Return the text of each message, mention-safe; the last one is closed for looks when
        `live`, and complete otherwise.
        """
        self._fill()
        shown = [full.shown for full in self._full]
        if self._tail.strip():
            shown.append(self._last(live=live))
        return [text for text in shown if text.strip()]

    def _last(self, *, live: bool) -> str:
        """Return the newest message; one that was shown before does not go blank again."""
        text = self._carry + self._tail
        shown = self._safe(closing(text)) if live else ""
        if shown.strip() or (live and len(self.seqs) <= len(self._full)):
            return shown
        return self._safe(with_fence_closed(text))

    @property
    def _carry(self) -> str:
        return self._full[-1].carry if self._full else ""

    def _fill(self) -> None:
        """Cut off full messages until the tail fits into one."""
        self._tail += "".join(self._pending)
        self._pending.clear()
        while not self._fits(self._carry + self._tail):
            part = self._cut()
            end = (self._full[-1].end if self._full else 0) + len(part.body)
            self._full.append(_Full(end, part.carry, self._safe(part.text)))
            self._tail = self._tail[len(part.body) :]

    def _cut(self) -> Part:
        """Cut so that the part is within the limit after its mentions were broken, too."""
        limit = MARKDOWN_PART
        while True:
            part = cut(self._tail, limit=limit, opening=self._carry)
            excess = size(self._safe(part.text)) - MARKDOWN_PART
            if excess <= 0 and len(part.body) < len(self._tail):
                return part
            limit -= min(max(excess, 64), limit // 2)

    def _fits(self, text: str) -> bool:
        return len(text) <= _SURELY_FITS or size(self._safe(text)) <= MARKDOWN_PART

    def _safe(self, text: str) -> str:
        return safe_markdown(text, allowed=self.allowed).strip("\n")

    def _changed(self, before: str) -> None:
        """Keep the full messages that lie before the first change; the rest is cut anew."""
        after = self.text()
        same = agreeing(before, after)
        self._full = [full for full in self._full if full.end <= same]
        self._tail = after[self._full[-1].end if self._full else 0 :]
        self._pending.clear()


def join(texts: Sequence[str]) -> str:
    """Put messages under one another with a blank line between; open fences are closed."""
    return "".join(gap(texts[index - 1]) * (index > 0) + text for index, text in enumerate(texts))


def gap(text: str) -> str:
    """Return what must stand between `text` and what follows it."""
    if not text:
        return ""
    fence = open_fence(text)
    newline = "" if text.endswith("\n") else "\n"
    if fence is not None:
        return f"{newline}{fence.closing}\n\n"
    return "" if text.endswith("\n\n") else newline + "\n"


def agreeing(first: str, second: str) -> int:
    """Return how long the common beginning of two texts is."""
    low, high = 0, min(len(first), len(second))
    while low < high:
        middle = (low + high + 1) // 2
        if first[low:middle] == second[low:middle]:
            low = middle
        else:
            high = middle - 1
    return low
