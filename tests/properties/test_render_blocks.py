"""No builder goes over a limit, or lets foreign text out, whatever it is given."""

from datetime import UTC, datetime

from hypothesis import given, settings
from hypothesis import strategies as st

from bridge.domain.approvals import Approval, ApprovalState
from bridge.domain.events import DiffLine, FileDiff, ToolLine
from bridge.domain.teammates import Persona
from bridge.render.blocks import notice_blocks, private_note, reply_blocks
from bridge.render.cards import approval_card, decided_card, full_view_modal
from bridge.render.progress import HINT_LIMIT, tool_hint, tools_line
from bridge.render.stream import MessageView
from tests.render.oracles import check_blocks, check_view, pings, texts, units

SMALL = ["<!here>", "<@U9>", "@everyone", "```", "&lt;!channel&gt;", "\u202e", "\ud800", "\n", "*"]
LARGE = ["x" * 5_000, "&" * 4_000, "😀" * 3_000, "`" * 4_000, "a line\n" * 900, "\x00" * 3_000]
words = st.lists(
    st.one_of(st.sampled_from(SMALL), st.text(max_size=20)), min_size=0, max_size=8
).map("".join)
foreign = st.one_of(words, words, st.sampled_from(LARGE))
values = st.recursive(
    st.one_of(foreign, st.none(), st.booleans(), st.integers(), st.floats()),
    lambda inner: st.one_of(st.lists(inner, max_size=4), st.dictionaries(words, inner, max_size=4)),
    max_leaves=12,
)
arguments = st.dictionaries(
    st.one_of(st.sampled_from(["command", "description", "file_path"]), words), values, max_size=5
)
lines = st.builds(DiffLine, st.sampled_from(["context", "add", "remove", "odd"]), foreign)
diffs = st.builds(
    FileDiff, foreign, st.lists(lines, max_size=5).map(tuple), st.one_of(st.none(), foreign)
)
NOW = datetime(2026, 11, 22, tzinfo=UTC)
approvals = st.builds(
    Approval,
    approval_id=st.just("ap1"),
    turn_id=st.just("t1"),
    thread=st.none(),
    teammate=st.just("ada"),
    request_id=st.just("perm-1"),
    tool_name=st.one_of(st.sampled_from(["Bash", "Edit", "Read"]), foreign),
    arguments=arguments,
    diffs=st.lists(diffs, max_size=5).map(tuple),
    digest=st.just("d"),
    requester=st.sampled_from([None, "U1"]),
    asked_at=st.just(NOW),
    expires_at=st.just(NOW),
    state=st.sampled_from(list(ApprovalState)),
    decided_by=st.sampled_from([None, "U1"]),
    decided_at=st.sampled_from([None, NOW]),
    cause=st.one_of(st.none(), foreign),
)


def check_silence(blocks, *more):
    """Nothing but our own date tokens and the people who decide."""
    plain = [{"type": "mrkdwn", "text": text} for text in more]
    for text in texts([*blocks, *plain]):
        if text["type"] == "mrkdwn":
            assert pings(text["text"].replace("<!date^", ""), markdown=False) <= {"U1", "U2"}


@settings(deadline=None)
@given(approvals, foreign)
def test_cards_are_within_the_limits_and_silent(approval, name):
    card = approval_card(approval, Persona(name), approvers={"U2"}, outbox_id="ob1")
    settled = decided_card(approval, outbox_id="ob1")
    for rendered in (card, settled):
        check_blocks(rendered.blocks)
        assert 1 <= units(rendered.text) <= 3_000
        check_silence(rendered.blocks, rendered.text)


@settings(deadline=None)
@given(approvals)
def test_the_full_view_is_within_the_limits_and_silent(approval):
    view = full_view_modal(approval)
    check_view(view)
    check_silence(view["blocks"])


@settings(deadline=None)
@given(foreign)
def test_sentences_are_within_the_limits(text):
    for rendered in (notice_blocks(text), private_note(text)):
        check_blocks(rendered.blocks)
        assert 1 <= units(rendered.text) <= 3_000
    check_silence(notice_blocks(text).blocks)


@settings(deadline=None)
@given(st.builds(MessageView, st.just(0), foreign, st.booleans()), st.text(max_size=400))
def test_replies_are_within_the_limits(view, outbox_id):
    rendered = reply_blocks(view, turn_id="t1", outbox_id=outbox_id)
    check_blocks(rendered.blocks)
    assert 1 <= units(rendered.text) <= 3_000


@settings(deadline=None)
@given(st.lists(st.builds(ToolLine, words, foreign, foreign), max_size=6), st.floats(0, 1e6))
def test_progress_is_short_and_silent(tools, now):
    line = tools_line(tools, {}, now)
    assert "\n" not in line
    assert not pings(line, markdown=False)
    for tool in tools:
        assert units(tool_hint(tool.name, tool.arguments)) <= HINT_LIMIT
