"""Message reader: everything that people see of a Slack message, for live events, history and
edits alike. Pure.

A message says the same in several ways: `text` is what its author typed, or only a short form of
its blocks. What blocks and attachments say is added where `text` does not say it already.
Attachments, forwarded and quoted messages are quoted, so that nobody is addressed by them.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

from bridge.domain.messages import SharedFile
from bridge.slack.block_text import blocks_text, quoted, text_object
from bridge.slack.json_values import JsonObject, as_mapping, as_objects, as_string
from bridge.slack.mrkdwn import plain_text

SAID: Final = frozenset({"", "file_share", "thread_broadcast", "me_message", "bot_message"})
"""Subtypes of a message that somebody said; all others are Slack's news."""

_GONE_FILES: Final = frozenset({"tombstone", "hidden_by_limit"})
_DEEPEST: Final = 4
_PLACEHOLDERS: Final = frozenset(
    {"[no preview available]", "This content can't be displayed.", "no preview available"}
)
"""What Slack writes where an old client shows nothing."""

_WORD = re.compile(r"\w+")


@dataclass(frozen=True, slots=True)
class MessageContent:
    """What a message says. `text` is empty when it shows none; `files` include forwarded ones."""

    text: str
    files: tuple[SharedFile, ...]

    @property
    def is_empty(self) -> bool:
        """Whether there is nothing to see."""
        return not self.text.strip() and not self.files


def read_content(message: JsonObject) -> MessageContent:
    """Everything that people see of the message. Never raises."""
    files = tuple(_files(message))
    parts = [*_said(message), *_attachments(message), *_transcripts(message)]
    return MessageContent("\n".join(parts), files)


def is_bot(message: JsonObject) -> bool:
    """Whether no person speaks, but an app, also one with a person's token (PLATFORM §4.5)."""
    return (
        bool(message.get("bot_id") or message.get("bot_profile"))
        or message.get("subtype") == "bot_message"
        or message.get("user") == "USLACKBOT"
    )


def app_ids(message: JsonObject) -> frozenset[str]:
    """All ids under which the app, bot or workflow that speaks is known; none for a person."""
    profile = as_mapping(message.get("bot_profile"))
    metadata = as_mapping(message.get("workflow"))
    named = (
        *(message.get(key) for key in ("bot_id", "app_id", "workflow_id")),
        *(profile.get(key) for key in ("id", "app_id", "workflow_id")),
        metadata.get("id"),
    )
    return frozenset(filter(None, map(as_string, named))) if is_bot(message) else frozenset()


def bot_name(message: JsonObject) -> str:
    """What people see as the name of the bot or workflow that speaks; empty if Slack says none."""
    profile = as_mapping(message.get("bot_profile"))
    return (as_string(message.get("username")) or as_string(profile.get("name"))).strip()


def _said(message: JsonObject) -> list[str]:
    """The message's own words: its text, and those blocks that say more."""
    text = plain_text(as_string(message.get("text")))
    blocks = blocks_text(message.get("blocks"))
    if blocks and text.strip() in _PLACEHOLDERS:
        text = ""
    more = [words for words in blocks if not _says(text, words)]
    return [text, *more] if text.strip() else more


def _says(text: str, words: str) -> bool:
    """Whether all of `words` stand in `text`, in this order."""
    left = iter(_WORD.findall(text))
    wanted = _WORD.findall(words)
    if not wanted:  # only signs, such as emoji that are no words
        return words.strip() in text
    return all(word in left for word in wanted)


def _attachments(message: JsonObject, depth: int = 0) -> Iterator[str]:
    """The words of each attachment that adds something, quoted; a table that the author pasted
    comes as an attachment too, and is the author's own.
    """
    text = plain_text(as_string(message.get("text")))
    for attachment in as_objects(message.get("attachments")):
        words = _attachment(attachment, depth)
        if words and not _says(text, words):
            yield words if _is_pasted_table(attachment) else quoted(words)


def _is_pasted_table(attachment: JsonObject) -> bool:
    blocks = as_objects(attachment.get("blocks"))
    is_alone = attachment.keys() <= {"id", "fallback", "blocks"}
    return is_alone and bool(blocks) and all(block.get("type") == "table" for block in blocks)


def _attachment(attachment: JsonObject, depth: int) -> str:
    body = [*_body(attachment, depth)]
    if not body:
        fallback = plain_text(as_string(attachment.get("fallback"))).strip()
        body = [] if fallback in _PLACEHOLDERS else [fallback]
    names = [file.name for file in _own_files(attachment)]
    shared = (f"[file: {name}]" for name in names)
    parts = [_heading(attachment), *body, *shared, *_transcripts(attachment)]
    return "\n".join(part for part in parts if part.strip())


def _heading(attachment: JsonObject) -> str:
    """Who said it where, for a message from elsewhere; else the attachment's author."""
    author = as_string(attachment.get("author_name")) or as_string(attachment.get("service_name"))
    if not (attachment.get("is_msg_unfurl") or attachment.get("is_share")):
        return author
    name, channel = as_string(attachment.get("channel_name")), attachment.get("channel_id")
    place = f" in #{name}" if name else f" in <#{channel}>" if as_string(channel) else ""
    link = as_string(attachment.get("from_url"))
    return f"{author or 'Somebody'}{place}{f' ({link})' if link else ''} said:"


def _body(attachment: JsonObject, depth: int) -> Iterator[str]:
    for key in ("pretext", "title", "text"):
        if words := plain_text(as_string(attachment.get(key))).strip():
            link = as_string(attachment.get("title_link")) if key == "title" else ""
            yield f"[{words}]({link})" if link else words
    for field in as_objects(attachment.get("fields")):
        name, value = _field_text(field.get("title")), _field_text(field.get("value"))
        yield f"{name}: {value}" if name and value else name or value
    said = plain_text(as_string(attachment.get("text")))
    blocks = [*blocks_text(attachment.get("blocks"))]
    for inner in as_objects(attachment.get("message_blocks")):
        blocks += blocks_text(as_mapping(inner.get("message")).get("blocks"))
    yield from (words for words in blocks if not _says(said, words))
    for action in as_objects(attachment.get("actions")):
        label, link = text_object(action.get("text")), as_string(action.get("url"))
        yield f"[{label}]({link})" if label and link else label
    if depth < _DEEPEST:
        yield from _attachments(attachment, depth + 1)
    if footer := plain_text(as_string(attachment.get("footer"))).strip():
        yield footer


def _field_text(value: object) -> str:
    """The words of a legacy field, which may be a number."""
    if isinstance(value, str):
        return plain_text(value).strip()
    return str(value) if isinstance(value, int | float) else ""


def _transcripts(message: JsonObject) -> Iterator[str]:
    """What Slack heard in clips, and what forwarded e-mails say."""
    for file in as_objects(message.get("files")):
        name = as_string(file.get("name")) or as_string(file.get("title")) or "a file"
        preview = as_mapping(as_mapping(file.get("transcription")).get("preview"))
        if words := as_string(preview.get("content")).strip():
            more = " …" if preview.get("has_more") is True else ""
            yield f"[transcript of {name}: {words}{more}]"
        if file.get("mode") == "email":
            subject, body = as_string(file.get("subject")), as_string(file.get("plain_text"))
            if words := "\n".join(part for part in (subject, body) if part.strip()):
                yield quoted(words)


def _files(message: JsonObject, depth: int = 0) -> Iterator[SharedFile]:
    yield from _own_files(message)
    if depth < _DEEPEST:
        for attachment in as_objects(message.get("attachments")):
            yield from _files(attachment, depth + 1)


def _own_files(message: JsonObject) -> Iterator[SharedFile]:
    """Without those that are deleted or hidden by the plan.

    `url` is empty where Slack wants `files.info` asked first (PLATFORM §9.2).
    """
    for item in as_objects(message.get("files")):
        file_id = as_string(item.get("id"))
        if not file_id or as_string(item.get("mode")) in _GONE_FILES:
            continue
        size = item.get("size")
        yield SharedFile(
            file_id=file_id,
            name=as_string(item.get("name")) or as_string(item.get("title")) or file_id,
            mimetype=as_string(item.get("mimetype")) or "application/octet-stream",
            size=size if isinstance(size, int) and not isinstance(size, bool) else None,
            url=as_string(item.get("url_private_download")) or as_string(item.get("url_private")),
        )
