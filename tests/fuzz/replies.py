"""Model texts made at random, with a mark in every word that people would see, streamed in random
pieces: no error, no word lost or twice, nothing pings, every limit of Slack is held.
"""

import re
from collections import Counter
from random import Random

from bridge.domain.events import Outcome, Usage
from bridge.domain.ports import ReplyEnding
from bridge.render.blocks import reply_blocks
from bridge.render.plain import plain_fallback
from bridge.render.stream import ReplyStream
from tests.render.oracles import check_blocks, pings

ENDING = ReplyEnding(Outcome.DONE, None, 1.0, Usage())
ALLOWED = frozenset({"U1"})
_MARK = re.compile(r"mark\d+x")
HOSTILE = (
    *(
        "<!here>",
        "<!channel|x>",
        "<@U9>",
        "<@U1>",
        "<!subteam^S1|@t>",
        "@here",
        "@everyone",
        "＠here",
    ),
    *("&lt;!here&gt;", "<\\!here>", "<\u200b!here>", "&#60;!here>", "@team", "a@b.example", "<@>"),
    *(
        "<![endif]-->",
        "*",
        "**",
        "_",
        "~~",
        "`",
        "``",
        "[",
        "](",
        ")",
        "\\",
        "\u200b",
        "😀",
        "\r\n",
    ),
)


class Writer:
    """Writes one answer; `marks` counts the words in it."""

    def __init__(self, random: Random) -> None:
        self.random = random
        self.marks = 0

    def word(self) -> str:
        self.marks += 1
        return f"mark{self.marks}x"

    def words(self, most: int = 12) -> str:
        parts = [
            self.random.choice(HOSTILE) if self.random.random() < 0.2 else self.word()
            for _ in range(self.random.randint(1, most))
        ]
        return " ".join(parts)

    def block(self) -> str:
        kinds = (
            lambda: self.words(40),
            lambda: f"{'#' * self.random.randint(1, 4)} {self.words()}",
            lambda: "\n".join(self.item() for _ in range(self.random.randint(1, 12))),
            lambda: "\n".join(f"> {self.words()}" for _ in range(self.random.randint(1, 4))),
            lambda: self.code(),
            lambda: "\n".join(f"    {self.words(5)}" for _ in range(self.random.randint(1, 4))),
            lambda: self.table(),
            lambda: f"**{self.words(30)}** and `{self.word()}`",
            lambda: f"[{self.word()}](https://x.example/{self.random.random()})",
        )
        return self.random.choice(kinds)()

    def item(self) -> str:
        depth, mark = self.random.randint(0, 2), self.random.choice(("-", "1."))
        return f"{'    ' * depth}{mark} {self.words()}"

    def code(self) -> str:
        mark = self.random.choice(("```", "~~~", "````"))
        lines = "\n".join(self.words(6) for _ in range(self.random.randint(0, 30)))
        return f"{mark}{self.random.choice(('', 'py', 'html'))}\n{lines}\n{mark}"

    def table(self) -> str:
        rows = [f"| {self.word()} | {self.word()} |" for _ in range(self.random.randint(1, 30))]
        return "\n".join([rows[0], "| --- | --- |", *rows[1:]])

    def text(self) -> str:
        size = 2 if self.random.random() < 0.8 else 60
        blocks = [self.block() for _ in range(self.random.randint(1, size))]
        return self.random.choice(("\n\n", "\n")).join(blocks)


def faults(random: Random) -> list[str]:
    """Everything that is wrong with how one answer is shown."""
    writer = Writer(random)
    text = writer.text()
    stream = ReplyStream(allowed=ALLOWED)
    at = 0
    while at < len(text):
        end = at + random.randint(1, max(1, len(text) // 3))
        stream.append("r1", "m1", text[at:end])
        at = end
        found = list(_seen(stream)) if random.random() < 0.3 else []
        if found:
            return [f"on the way: {found}"]
    stream.finish(ENDING)
    found = list(_seen(stream))
    shown = "\n".join(view.markdown for view in stream.messages(0.0))
    count = Counter(_MARK.findall(shown))
    lost = [n for n in range(1, writer.marks + 1) if not count[f"mark{n}x"]]
    twice = {mark for mark, times in count.items() if times > 1}
    headers = set(_MARK.findall("\n".join(re.findall(r"^\|.*\|$", text, re.M))))
    found += [f"lost: {lost}"] if lost else []
    found += [f"twice: {twice - headers}"] if twice - headers else []
    if pings(plain_fallback(text), markdown=False):
        found.append("the notification pings")
    return found


def _seen(stream: ReplyStream):
    for view in stream.messages(0.0):
        if who := pings(view.markdown) - ALLOWED:
            yield f"pings {who}"
        check_blocks(reply_blocks(view, turn_id="t", outbox_id="o").blocks)
