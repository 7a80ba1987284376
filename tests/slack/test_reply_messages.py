"""What becomes of a reply's message when Slack refuses it, with a Slack that follows a script."""

import time

import pytest

from bridge.domain.errors import ChatRefused, ChatUnreachable
from bridge.domain.ids import ChannelId, MessageTs, TeamId, ThreadKey, TurnId
from bridge.domain.ports import ReplyTarget
from bridge.domain.teammates import Persona
from bridge.render.mentions import escape_mrkdwn
from bridge.render.stream import MessageView
from bridge.slack.outbound.message_sending import MessageSender
from bridge.slack.outbound.personas import Personas
from bridge.slack.outbound.reply_messages import PIECE, ReplyMessages, plain_pieces
from bridge.slack.rate_limit.windows import Priority
from tests.slack.conftest import RealClock

THREAD = ThreadKey(TeamId("T1"), ChannelId("C1"), MessageTs("1.0"))
TARGET = ReplyTarget(TurnId("turn"), THREAD, THREAD.thread_ts, Persona("Ada"), frozenset())


class ScriptedSlack:
    """A gateway that keeps messages and refuses what `refuse` says."""

    scopes = None

    def __init__(self, refuse=lambda method, arguments: None):
        self.refuse = refuse
        self.messages = {}
        self.calls = []

    async def call(self, method, arguments, *, priority, channel=None):
        given = dict(arguments())
        self.calls.append(method)
        if code := self.refuse(method, given):
            raise ChatUnreachable("no answer") if code == "lost" else ChatRefused(method, code)
        ts = given.get("ts") or f"{len(self.messages) + 2}.0"
        if method == "chat.delete":
            del self.messages[ts]
        else:
            self.messages[ts] = given
        return {"ts": ts}

    async def read(self, method, arguments, *, priority):
        return {"messages": [{"ts": ts, **given} for ts, given in self.messages.items()]}

    def texts(self):
        return [given["text"] for given in self.messages.values()]


class Ledgerless:
    """An outbox that only remembers what it was told."""

    def __init__(self):
        self.states = {}

    async def plan(self, entry, *, instead_of=None):
        self.states[entry.outbox_id] = "planned"

    async def sent(self, outbox_id, ts, payload_hash):
        self.states[outbox_id] = "sent"

    async def failed(self, outbox_id, reason):
        self.states[outbox_id] = f"failed: {reason}"

    async def removed(self, outbox_id):
        self.states[outbox_id] = "removed"


class Page:
    """One message's sheet, with the view that a test sets."""

    def __init__(self, slack):
        self.slack, self.outbox = slack, Ledgerless()
        self.view = MessageView(0, "")
        self.messages = ReplyMessages(
            TARGET,
            teammate="ada",
            sender=MessageSender(slack, self.outbox, RealClock(), Personas(slack)),
            newest=lambda seq: self.view,
            priority=lambda: Priority.EDIT,
            clock=time.monotonic,
        )

    async def show(self, markdown, *, live=False, at_end=False, **more):
        self.view = MessageView(0, markdown, live=live, **more)
        await self.messages.show(self.view, at_end=at_end)


async def test_a_message_that_cannot_be_edited_rests_until_the_end_and_is_then_posted_anew():
    page = Page(ScriptedSlack(lambda method, _: "edit_window_closed" * (method == "chat.update")))
    await page.show("one", live=True)
    await page.show("one two", live=True)
    await page.show("one two three", live=True)
    assert page.slack.calls == ["chat.postMessage", "chat.update"]
    await page.show("one two three", at_end=True)
    assert page.slack.calls[2:] == ["chat.postMessage"]
    assert page.slack.texts() == ["one", "one two three"]


async def test_blocks_that_slack_refuses_become_plain_pieces_with_every_word():
    page = Page(ScriptedSlack(lambda _, given: "msg_blocks_too_long" if given["blocks"] else None))
    words = " ".join(f"word{number}" for number in range(1_500))
    await page.show(words, live=True)
    assert len(page.slack.messages) == 1
    await page.show(words, at_end=True, footer="3 s")
    assert " ".join(page.slack.texts()).split() == [*words.split(), "3", "s"]
    assert all(len(text) <= 3_000 for text in page.slack.texts())


async def test_a_refusal_for_good_is_tried_once_and_noted():
    page = Page(ScriptedSlack(lambda *_: "is_archived"))
    await page.show("one", live=True)
    await page.show("one two", at_end=True)
    assert page.slack.calls == ["chat.postMessage"]
    assert set(page.outbox.states.values()) == {"failed: is_archived"}


async def test_a_message_that_is_lost_again_and_again_is_not_posted_for_ever():
    page = Page(ScriptedSlack(lambda method, _: "message_not_found" * (method == "chat.update")))
    for number in range(20):
        await page.show(f"text {number}", at_end=True)
    assert len(page.slack.messages) == 4


async def test_an_unclear_delete_is_raised_and_a_refused_one_says_so_in_the_message():
    refusals = iter(["lost", "cant_delete_message"])
    page = Page(
        ScriptedSlack(lambda method, _: next(refusals) if method == "chat.delete" else None)
    )
    await page.show("one", live=True)
    with pytest.raises(ChatUnreachable):
        await page.show("")
    await page.show("")
    assert page.slack.calls[-1] == "chat.update"
    assert "taken back" in page.slack.texts()[0]


async def test_a_post_found_by_looking_is_then_brought_up_to_date():
    lost = iter([True])

    def refuse(method, given):
        if method == "chat.postMessage" and next(lost, False):
            page.slack.messages["2.0"] = given
            return "lost"
        return None

    page = Page(ScriptedSlack(refuse))
    with pytest.raises(ChatUnreachable):
        await page.show("one", live=True)
    await page.show("one two", live=True)
    assert page.slack.calls == ["chat.postMessage", "chat.update"]
    assert page.slack.texts() == ["one two"]


async def test_a_refused_face_is_left_out_from_then_on():
    page = Page(ScriptedSlack(lambda _, given: "missing_scope" if "username" in given else None))
    await page.show("one", live=True)
    (message,) = page.slack.messages.values()
    assert "*Ada*" in str(message["blocks"][0])
    await page.show("two", live=True)
    assert "*Ada*" in str(message["blocks"][0])


@pytest.mark.parametrize("letter", ["a", "&", "😀", "x\n", "&\n"])
def test_plain_pieces_keep_every_character_within_the_size(letter):
    text = letter * 9_000
    pieces = [piece.text for piece in plain_pieces(MessageView(0, text))]
    assert "".join(pieces) == escape_mrkdwn(text.strip("\n"))
    assert all(len(piece.encode("utf-16-le")) // 2 <= PIECE for piece in pieces)


def test_an_empty_message_has_one_plain_piece():
    assert len(plain_pieces(MessageView(0, ""))) == 1
