"""Slack messages of any blocks, attachments and files, made at random, with a mark in every text
that people would see.
"""

import re
from random import Random

_MARK = re.compile(r"mark\d+x")
_STYLES = ("bold", "italic", "strike", "code")


class Maker:
    """Makes one message; `marks` are the words that people would see of it."""

    def __init__(self, random: Random) -> None:
        self.random = random
        self.marks: list[str] = []

    def word(self) -> str:
        self.marks.append(f"mark{len(self.marks)}x")
        around = ("", "", "a ", "&amp; ", "\n", "*", "| ", "`", "> ", "::")
        return f"{self.random.choice(around)}{self.marks[-1]}{self.random.choice(around)}"

    def escaped(self) -> str:
        kinds = (
            lambda: self.word(),
            lambda: f"<https://x.example/?q={self.random.random()}|{self.word().strip()}>",
            lambda: f"<!date^1^{{date}}|{self.word().strip()}>",
            lambda: f"<#C1|{self.word().strip()}>",
            lambda: f"&lt;!channel&gt; {self.word()}",
            lambda: f"<@U0BOT> {self.word()}",
            lambda: f"<!subteam^S1|@{self.word().strip()}>",
        )
        return " ".join(self.random.choice(kinds)().replace("\n", " ") for _ in range(self.few()))

    def few(self) -> int:
        return self.random.randint(1, 3)

    def text_object(self):
        kind = self.random.choice(("mrkdwn", "plain_text", "raw_text"))
        return {"type": kind, "text": self.escaped() if kind == "mrkdwn" else self.word()}

    def inline(self):
        style = {"style": {self.random.choice(_STYLES): True}}
        return self.random.choice(
            (
                lambda: {"type": "text", "text": self.word(), **style},
                lambda: {"type": "link", "url": "https://x.example", "text": self.word()},
                lambda: {"type": "emoji", "name": self.word().strip()},
                lambda: {"type": "date", "timestamp": 1, "fallback": self.word()},
                lambda: {"type": "user", "user_id": "U0BOT"},
                lambda: {"type": "new_kind", "text": self.word()},
            )
        )()

    def inlines(self):
        return [self.inline() for _ in range(self.few())]

    def rich(self):
        kind = self.random.choice(("section", "preformatted", "quote", "list"))
        if kind == "list":
            items = [{"type": "rich_text_section", "elements": self.inlines()} for _ in "ab"]
            style = self.random.choice(("bullet", "ordered"))
            return {"type": "rich_text_list", "style": style, "indent": 1, "elements": items}
        return {"type": f"rich_text_{kind}", "elements": self.inlines()}

    def block(self, depth: int = 0):
        makers = (
            lambda: {"type": "section", "text": self.text_object()},
            lambda: {"type": "section", "fields": [self.text_object(), self.text_object()]},
            lambda: {"type": "header", "text": self.text_object()},
            lambda: {"type": "context", "elements": [self.text_object(), self.image()]},
            lambda: {"type": "markdown", "text": self.word()},
            lambda: {"type": "rich_text", "elements": [self.rich() for _ in range(self.few())]},
            lambda: {"type": "table", "rows": [[self.cell(), self.cell()], [self.cell()]]},
            lambda: self.image(),
            lambda: {
                "type": "actions",
                "elements": [{"type": "button", "text": self.text_object(), "value": "v"}],
            },
            lambda: {"type": "input", "label": self.text_object(), "hint": self.text_object()},
            lambda: {
                "type": "video",
                "title": self.text_object(),
                "title_url": "https://v.example",
                "alt_text": self.word(),
            },
            lambda: {"type": "novelty", "content": self.unknown(depth), "title": self.word()},
            lambda: self.random.choice((None, 3, "odd", [], {}, {"type": 7})),
        )
        return self.random.choice(makers)()

    def image(self):
        return {"type": "image", "image_url": "https://i.example/1", "alt_text": self.word()}

    def cell(self):
        kinds = (
            lambda: {"type": "raw_text", "text": self.word()},
            lambda: {"type": "rich_text", "elements": [self.rich()]},
            dict,
        )
        return self.random.choice(kinds)()

    def unknown(self, depth: int):
        if depth > 3:
            return self.text_object()
        kinds = (
            lambda: self.block(depth + 1),
            lambda: [self.block(depth + 1), self.text_object()],
            lambda: {"label": self.word(), "inside": self.unknown(depth + 1)},
            lambda: [self.word(), self.word()],
        )
        return self.random.choice(kinds)()

    def attachment(self, depth: int = 0):
        makers = {
            "pretext": self.escaped,
            "author_name": self.word,
            "title": self.escaped,
            "text": self.escaped,
            "footer": self.word,
            "fields": lambda: [{"title": self.word(), "value": self.escaped()}],
            "blocks": lambda: [self.block() for _ in range(self.few())],
            "message_blocks": lambda: [{"message": {"blocks": [self.block()]}}],
            "actions": lambda: [{"type": "button", "text": self.word(), "name": "b"}],
            "files": lambda: [self.file()],
            "title_link": lambda: "https://t.example",
            "attachments": lambda: [self.attachment(depth + 1)] if depth < 2 else [],
        }
        names = self.random.sample(sorted(makers), self.random.randint(1, 5))
        item = {name: makers[name]() for name in names}
        if self.random.random() < 0.3:
            item |= {"is_share": True, "is_msg_unfurl": True, "channel_id": "C1"}
        return item

    def file(self):
        name = self.word().strip()
        return {
            "id": f"F{len(self.marks)}",
            "name": name,
            "mimetype": "audio/mp4",
            "transcription": {"status": "complete", "preview": {"content": self.word()}},
        }

    def message(self):
        made = {"ts": "1795000000.000100", "text": "", "user": "U0ADA1"}
        if self.random.random() < 0.6:
            made["text"] = self.escaped()
        if self.random.random() < 0.6:
            made["blocks"] = [self.block() for _ in range(self.few())]
        if self.random.random() < 0.5:
            made["attachments"] = [self.attachment() for _ in range(self.few())]
        if self.random.random() < 0.2:
            made["files"] = [self.file()]
        return made


def lost(seen, marks: list[str]) -> set[str]:
    """The marks that are neither told nor the name of a file."""
    told = set(_MARK.findall(seen.text + " ".join(file.name for file in seen.files)))
    return set(marks) - told
