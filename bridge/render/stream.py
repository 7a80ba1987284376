"""Reply stream: text in, Slack messages out. Nothing here waits."""

import hashlib
from collections.abc import Sequence, Set
from dataclasses import dataclass, field, replace

from bridge.domain.events import Outcome, ToolLine, Usage
from bridge.domain.ids import RunId, UserId
from bridge.domain.ports import ReplyEnding
from bridge.render.durations import duration, tokens
from bridge.render.limits import MARKDOWN_PART, SECTION_TEXT, size
from bridge.render.markdown import Part, closing, cut
from bridge.render.markdown_lines import open_fence, with_fence_closed
from bridge.render.mentions import safe_markdown, safe_mrkdwn
from bridge.render.plain import clip_escaped
from bridge.render.progress import tools_line

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


_ENDED = {
    Outcome.DONE: "Done.",
    Outcome.FAILED: "Something went wrong, so there is no answer.",
    Outcome.CANCELLED: "Stopped.",
    Outcome.TIMED_OUT: "Time was up before there was an answer.",
    Outcome.INTERRUPTED: "This was interrupted before there was an answer.",
}


@dataclass(frozen=True, slots=True)
class MessageView:
    """One Slack message of a reply as it should look now; `seq` names it, from 0.

    `markdown` is mention-safe and within the limits of one message; `tools_line`, `footer` and
    `sentence` are escaped mrkdwn. `live` is True for the one message that still grows: it has
    the stop button. `final` is True once the reply is finished.
    """

    seq: int
    markdown: str
    live: bool = False
    tools_line: str | None = None
    footer: str | None = None
    sentence: str | None = None
    final: bool = False

    @property
    def is_empty(self) -> bool:
        """True when nothing is left to show: its text was taken back. It may be deleted."""
        return not (self.live or self.markdown or self.tools_line or self.footer or self.sentence)

    @property
    def fingerprint(self) -> str:
        """Hash of what people see. Two views with the same need no second write."""
        seen = (self.markdown, self.live, self.tools_line, self.footer, self.sentence)
        return hashlib.sha256(repr(seen).encode("utf-8", "surrogatepass")).hexdigest()[:32]


class ReplyStream:
    """Planner of one reply. Text comes in pieces, `messages` says what Slack should show.

    A message that is full is cut at a safe place and stays as it is, whatever is appended;
    only `set_text` and `drop_runs` may change it. Views never disappear: one whose text was
    taken back becomes empty. `allowed` are the people whom the text may mention. `now` is
    monotonic seconds throughout. Nothing raises; calls after `finish` change nothing.
    """

    def __init__(self, *, allowed: Set[UserId] = frozenset()) -> None:
        self._allowed = frozenset(allowed)
        self._stretches = [TextSection(self._allowed)]
        self._next_seq = 0
        self._tools: tuple[ToolLine, ...] = ()
        self._since: dict[str, float] = {}
        self._note = ""
        self._ending: ReplyEnding | None = None

    # --- what is said --------------------------------------------------------------------

    def append(self, run_id: RunId, message_id: str, text: str) -> None:
        """Add the next piece of one assistant message; the newest message goes on at its end."""
        if text and self._ending is None:
            self._stretches[-1].append((run_id, message_id), text)

    def set_text(self, run_id: RunId, message_id: str, text: str) -> None:
        """Replace one assistant message by its full text.

        What is above a seal stays there as far as the new text begins with it; the rest comes
        below, as everything does that follows a seal.
        """
        if self._ending is not None:
            return
        key = (run_id, message_id)
        *sealed, newest = self._stretches
        for stretch in sealed:
            kept = stretch.common(key, text)
            stretch.set_text(key, kept)
            text = text[len(kept) :]
        if newest.holds(key):
            newest.set_text(key, text)
        else:
            self.append(run_id, message_id, text)

    def drop_runs(self, run_ids: Set[RunId]) -> None:
        """Take out all text of these runs."""
        if self._ending is None:
            for stretch in self._stretches:
                stretch.drop_runs(run_ids)

    def show_tools(self, tools: tuple[ToolLine, ...], now: float) -> None:
        """Show what runs now; a tool's time counts from when it was first shown."""
        self._tools = tools
        self._since = {tool.call_id: self._since.get(tool.call_id, now) for tool in tools}

    def note(self, text: str) -> None:
        """Show a quiet line on the live message until the next note; empty clears it."""
        self._note = text

    def seal(self) -> None:
        """Finish the message so far: what follows goes into a new one."""
        if self._ending is None:
            self._stretches[-1].trace = tools_line(self._tools, {}, 0.0)
            self._stretches.append(TextSection(self._allowed))

    def finish(self, ending: ReplyEnding) -> None:
        """End the reply: all text is shown, with how long it took and how it ended."""
        if self._ending is None:
            self._ending = ending
            self._tools, self._note = (), ""

    # --- what it looks like --------------------------------------------------------------

    def text(self) -> str:
        """The whole reply as Markdown, as the agent wrote it, without notices."""
        return join([text for stretch in self._stretches if (text := stretch.text()).strip()])

    def messages(self, now: float) -> list[MessageView]:
        """Return the messages of this reply, in order, as they should look at `now`."""
        sentence = self._closing_sentence()
        *older, newest = self._stretches
        views = [view for stretch in older for view in self._views(stretch, now)]
        views += self._views(newest, now, at_least=1 if sentence else 0)
        if self._ending is not None:
            views = self._ended(views, self._ending, sentence)
        return sorted(views, key=lambda view: view.seq)

    def _views(self, stretch: TextSection, now: float, *, at_least: int = 0) -> list[MessageView]:
        newest = stretch is self._stretches[-1]
        live = newest and self._ending is None
        working = self._working(now) if live else None
        shown = stretch.render(live=live)
        stretch.shown = len(shown)
        self._name(stretch, max(len(shown), 1 if working else at_least))
        padded = shown + [""] * (len(stretch.seqs) - len(shown))
        views = [MessageView(seq, text) for seq, text in zip(stretch.seqs, padded, strict=True)]
        last = max(len(shown) - 1, 0)
        if live and views:
            views[last] = replace(views[last], live=True, tools_line=working)
        elif views and not shown and not newest:
            views[0] = replace(views[0], tools_line=stretch.trace or None)
        return views

    def _name(self, stretch: TextSection, count: int) -> None:
        while len(stretch.seqs) < count:
            stretch.seqs.append(self._next_seq)
            self._next_seq += 1

    def _working(self, now: float) -> str | None:
        note = safe_mrkdwn(self._note, allowed=self._allowed).strip()
        line = tools_line(self._tools, self._since, now)
        return clip_escaped("\n".join(part for part in (note, line) if part), SECTION_TEXT) or None

    # --- how it ends ---------------------------------------------------------------------

    def _closing_sentence(self) -> str | None:
        """Return the last words; a reply without any text has some in any case."""
        if self._ending is None:
            return None
        sentence = safe_mrkdwn(self._ending.sentence or "", allowed=self._allowed).strip()
        if not sentence and not any(stretch.has_text for stretch in self._stretches):
            sentence = _ENDED[self._ending.outcome]
        return clip_escaped(sentence, SECTION_TEXT) or None

    def _ended(
        self, views: list[MessageView], ending: ReplyEnding, sentence: str | None
    ) -> list[MessageView]:
        newest = self._stretches[-1]
        if newest.seqs:
            target = newest.seqs[max(newest.shown - 1, 0)]
        else:
            target = next((view.seq for view in reversed(views) if not view.is_empty), -1)
        foot = footer(ending.seconds, ending.usage)
        return [
            replace(view, final=True, sentence=sentence, footer=foot)
            if view.seq == target
            else replace(view, final=True)
            for view in views
        ]


def footer(seconds: float, usage: Usage) -> str:
    """Return the quiet last line: `12 s · 1,234 tokens`; tokens only when they are known."""
    used = usage.prompt_tokens + usage.completion_tokens
    return duration(seconds) + (f" · {tokens(used)}" if used else "")
