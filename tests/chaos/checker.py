"""The judge. It knows what was asked, what people see, what ran and what the model called for.

It reads nothing of the bridge, neither its database nor its code: the words with which a turn
may end are written down here once more, so that a change of them is noticed.
"""

import re
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from enum import StrEnum

HOURGLASS = "hourglass_flowing_sand"
STOP_BUTTON = "turn_stop"
ALLOW_BUTTON = "approval_allow"

ENDINGS = re.compile(
    r"Interrupted\b|Stopped\b|Something went wrong|[Ss]end your message again|Write again to go on"
    r"|is away\b|is stuck|is gone from its server\. (?!A new one)|could not be|has a fault"
    r"|cannot be reached|was deleted"
    r"|[Tt]ry again in a few minutes|Start a new thread|Nobody answered"
)
"""How an answer that is not whole ends honestly."""

PING = re.compile(r"<!(?:channel|here|everyone|subteam)\b")


class Verdict(StrEnum):
    """What became of one message."""

    OK = "ok"
    LOST = "lost"
    DOUBLED = "doubled"
    HANGING = "hanging"
    WRONG_DECISION = "wrong decision"
    WRONG_TEXT = "wrong text"


@dataclass(frozen=True, slots=True, kw_only=True)
class Asked:
    """A message of a person, as it was said.

    `keys` mark its versions (two if it was edited), each with the pieces of its answer in
    `answers`. `root` is the thread's first message, the message itself where it began one, or
    empty where the whole channel is the thread. `command`: it has a command to approve.
    `stopped`: somebody asked for a stop because of it. `acked`: Slack was told that it arrived.
    """

    keys: tuple[str, ...]
    answers: tuple[tuple[str, ...], ...]
    channel: str
    root: str
    ts: str
    who: str
    command: bool = False
    deleted: bool = False
    stopped: bool = False
    acked: bool = True


@dataclass(frozen=True, slots=True, kw_only=True)
class Post:
    """A message as people see it. `markdown` is an agent's text, `shown` everything."""

    channel: str
    root: str
    ts: str
    ours: bool
    markdown: str = ""
    shown: str = ""
    buttons: tuple[str, ...] = ()
    reactions: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Press:
    """Somebody pressed a button of the card of `key`; `allow` or not. `named`: the card said
    that this one can decide, as the first of several whose messages are answered together.
    """

    key: str
    who: str
    allow: bool
    named: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Evidence:
    """All that the judge may know. `executed` names the command's key for each time it ran,
    `called` for each time the model called for it; `statuses` are the live ones, by channel
    and thread. `server_killed`: the App Server lost its memory, so it may repeat itself.
    """

    asked: tuple[Asked, ...]
    posts: tuple[Post, ...]
    presses: tuple[Press, ...] = ()
    executed: tuple[str, ...] = ()
    called: tuple[str, ...] = ()
    statuses: dict[tuple[str, str], str] = field(default_factory=dict)
    server_killed: bool = False


@dataclass(frozen=True, slots=True)
class Judgement:
    """The verdict on one message. `whole`: its answer is complete; `why` is the evidence."""

    key: str
    verdict: Verdict
    whole: bool = False
    why: str = ""


def judge(evidence: Evidence) -> list[Judgement]:
    """One judgement for each message, in the order in which they were said."""
    return [_Case(asked, evidence).judgement() for asked in evidence.asked]


class _Case:
    """One message and what its thread shows."""

    def __init__(self, asked: Asked, evidence: Evidence) -> None:
        self.asked = asked
        self.evidence = evidence
        self.thread = [post for post in evidence.posts if self._is_here(post)]
        self.ours = [post for post in self.thread if post.ours and post.ts > asked.ts]

    def _is_here(self, post: Post) -> bool:
        asked = self.asked
        return post.channel == asked.channel and (not asked.root or post.root == asked.root)

    def judgement(self) -> Judgement:
        """The first thing that is wrong, else how it went well."""
        for verdict, reasons in (
            (Verdict.WRONG_DECISION, self._wrong_decisions()),
            (Verdict.DOUBLED, self._doubles()),
            (Verdict.HANGING, self._hanging()),
            (Verdict.WRONG_TEXT, self._wrong_text()),
            (Verdict.LOST, self._lost()),
        ):
            why = next(reasons, None)
            if why is not None:
                return Judgement(self.asked.keys[0], verdict, self._is_whole(), why)
        return Judgement(self.asked.keys[0], Verdict.OK, self._is_whole(), self._end())

    # ---- text

    def _numbers(self, key: str) -> list[tuple[int, Post]]:
        """The words of the answer in the order in which people read them, the last run's alone.

        A server that lost its memory says everything again (PROTOCOL §16). What it said before
        may stand, in messages of its own: those above a card cannot be taken back.
        """
        mark = re.compile(rf"(?<!\w){key}-(\d+)(?!\d)")
        all_of_them = [(int(m[1]), p) for p in self.ours for m in mark.finditer(p.markdown)]
        if not self.evidence.server_killed:
            return all_of_them
        starts = [at for at, (number, _) in enumerate(all_of_them) if number == 1]
        begin = starts[-1] if starts else 0
        begins_a_post = begin > 0 and all_of_them[begin - 1][1].ts < all_of_them[begin][1].ts
        return all_of_them[begin:] if begins_a_post else all_of_them

    def _is_whole(self) -> bool:
        return any(
            len(self._numbers(key)) >= _count(answer)
            for key, answer in zip(self.asked.keys, self.asked.answers, strict=True)
        )

    def _wrong_text(self) -> Iterator[str]:
        for post in self.ours:
            if PING.search(post.shown):
                yield f"it pings: {post.shown!r}"
        for key, answer in zip(self.asked.keys, self.asked.answers, strict=True):
            numbers = [number for number, _ in self._numbers(key)]
            if numbers != list(range(1, len(numbers) + 1)):
                yield f"words of {key} out of order or missing: {numbers}"
            for piece in answer:
                yield from self._altered(piece)
            explained = self._endings(key) or self.asked.deleted
            if 0 < len(numbers) < _count(answer) and not explained:
                yield f"{key} breaks off after {len(numbers)} words, without an explanation"

    def _altered(self, piece: str) -> Iterator[str]:
        """Whether a piece is changed anywhere: it is compared to the letter."""
        words = piece.split()
        for post in self.ours:
            there = [word for word in words if re.search(rf"(?<!\w){word}(?!\d)", post.markdown)]
            if not there:
                continue
            stretch = re.compile(rf"(?<!\w){there[0]}(?!\d)(?:.*(?<!\w){there[-1]}(?!\d))?", re.S)
            shown, wanted = stretch.search(post.markdown), stretch.search(piece)
            if shown is None or wanted is None or shown[0] != wanted[0]:
                yield f"{wanted and wanted[0]!r} became {post.markdown!r}"

    def _lost(self) -> Iterator[str]:
        said_something = any(self._numbers(key) for key in self.asked.keys)
        ends = self._endings(*self.asked.keys)
        if not (said_something or ends or self.asked.deleted or not self.asked.acked):
            yield "nothing answers it"

    def _end(self) -> str:
        ends = [post.shown for post in self._endings(*self.asked.keys)]
        return "" if self._is_whole() or not ends else ends[-1][-160:]

    def _endings(self, *keys: str) -> list[Post]:
        """Posts that end in words, from the last that shows a piece of these answers on."""
        last = [post.ts for key in keys for _, post in self._numbers(key)]
        since = max(last, default="")
        return [post for post in self.ours if post.ts >= since and ENDINGS.search(post.shown)]

    # ---- twice

    def _doubles(self) -> Iterator[str]:
        for key in self.asked.keys:
            counted = Counter(number for number, _ in self._numbers(key))
            again = sorted(number for number, times in counted.items() if times > 1)
            if again:
                yield f"words of {key} are there twice: {again}"
            cards = [post for post in self.ours if _is_card(post, key)]
            if len(cards) > 1 and not self.evidence.server_killed:
                yield f"{len(cards)} cards for {key}"
        here = [_Case(a, self.evidence) for a in self.evidence.asked if _same_thread(a, self.asked)]
        ends = sum(bool(ENDINGS.search(post.shown)) for post in self.ours)
        may = sum(case._may_end() for case in here)
        if ends > may:
            yield f"it says {ends} times that an answer is not whole, and {may} may not be"

    def _may_end(self) -> int:
        """How many posts may say of this message that it is not, or not quite, answered."""
        asked = self.asked
        own = [post for key in asked.keys for _, post in self._numbers(key)]
        late = any(ENDINGS.search(post.shown) for post in own)
        interrupted = late or not self._is_whole()
        return interrupted + asked.stopped + (asked.deleted or len(asked.keys) > 1)

    # ---- for ever

    def _hanging(self) -> Iterator[str]:
        asked = self.asked
        for post in self.thread:
            if post.ts == asked.ts and HOURGLASS in post.reactions:
                yield "the hourglass is still there"
        for post in self.ours:
            mine = any(key in post.shown for key in asked.keys)
            others = any(k in post.shown for a in self.evidence.asked for k in a.keys)
            if STOP_BUTTON in post.buttons and (mine or not others):
                yield f"it still offers to stop: {post.shown[-80:]!r}"
            if ALLOW_BUTTON in post.buttons and mine:
                yield "its card is still open"
        status = self.evidence.statuses.get((asked.channel, asked.root or asked.ts))
        if status:
            yield f"the status says {status!r}"

    # ---- decisions

    def _wrong_decisions(self) -> Iterator[str]:
        if not self.asked.command:
            return
        for key in self.asked.keys:
            yield from self._wrong_decision(key)

    def _wrong_decision(self, key: str) -> Iterator[str]:
        runs, called = self.evidence.executed.count(key), self.evidence.called.count(key)
        pressed = [press for press in self.evidence.presses if press.key == key]
        mine = [press for press in pressed if press.named or press.who == self.asked.who]
        shown = list(self._decisions(key))
        if runs and not any(press.allow for press in mine):
            yield f"ran {runs} times, and nobody who may had allowed it"
        if runs > (called if self.evidence.server_killed else 1):
            yield f"ran {runs} times, called for {called} times"
        for who, allowed in shown:
            if not any(press.who == who and press.allow == allowed for press in mine):
                yield f"it says that {who} {'approved' if allowed else 'denied'} it"
        if runs and shown and not any(allowed for _, allowed in shown):
            yield "it says denied, and it ran"
        if not runs and any(allowed for _, allowed in shown) and self._is_whole():
            yield "it says approved, the answer goes on, and it never ran"

    def _decisions(self, key: str) -> Iterator[tuple[str, bool]]:
        """Who is shown to have decided the command of `key`, and how."""
        line = re.compile(rf"[✓✕] <@(\w+)> (approved|denied) [^\n]*\b{key}\b")
        for post in self.ours:
            for found in line.finditer(post.shown):
                yield found[1], found[2] == "approved"


def _count(answer: Sequence[str]) -> int:
    return sum(len(piece.split()) for piece in answer)


def _is_card(post: Post, key: str) -> bool:
    """The line that names the tool at work stands in a reply, whose button stops the turn."""
    return (
        not post.shown.startswith("⚙")
        and not post.markdown
        and bool(re.search(rf"\becho {key} >>", post.shown))
    )


def _same_thread(one: Asked, other: Asked) -> bool:
    return (one.channel, one.root) == (other.channel, other.root)
