"""Who may decide, on what exactly, and what the agent is told."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bridge.domain import permissions
from bridge.domain.approvals import (
    Approval,
    ApprovalState,
    Click,
    decision_for_agent,
    digest,
    settled_sentence,
)
from bridge.domain.events import DiffLine, FileDiff, Verdict
from bridge.domain.ids import (
    ApprovalId,
    ChannelId,
    MessageRef,
    MessageTs,
    TeamId,
    ThreadKey,
    TurnId,
    UserId,
)
from bridge.domain.messages import Person
from bridge.domain.permissions import ApprovalPolicy

NOON = datetime(2026, 1, 5, 12, tzinfo=UTC)
CARD = MessageRef(ChannelId("C1"), MessageTs("5.000100"))
ASKER, APPROVER = UserId("UASKER"), UserId("UAPPROVER")
PENDING = Approval(
    approval_id=ApprovalId("a1"),
    turn_id=TurnId("t1"),
    thread=ThreadKey(TeamId("T1"), ChannelId("C1"), MessageTs("1.000100")),
    teammate="ada",
    request_id="p1",
    tool_name="Bash",
    arguments={"command": "make"},
    diffs=(),
    digest="d",
    requester=ASKER,
    asked_at=NOON,
    expires_at=NOON + timedelta(minutes=15),
    card=CARD,
)
POLICY = ApprovalPolicy(approvers=frozenset({APPROVER}), expiry_s=60)
NOBODY = ApprovalPolicy(approvers=frozenset(), expiry_s=60)


def reason_to_deny(
    approval: Approval, click: Click, policy: ApprovalPolicy, *, now: datetime = NOON
) -> str | None:
    return permissions.reason_to_deny(approval, click, policy, now=now)


def click(user: UserId, *, trusted: bool = True, bot: bool = False, ts: str = CARD.ts) -> Click:
    person = Person(user, user.lower(), trusted=trusted, is_bot=bot)
    return Click(
        PENDING.approval_id, person, Verdict.ALLOW, MessageRef(CARD.channel, MessageTs(ts))
    )


def test_the_one_who_asked_and_the_approvers_may_decide() -> None:
    assert reason_to_deny(PENDING, click(ASKER), POLICY) is None
    assert reason_to_deny(PENDING, click(APPROVER), POLICY) is None
    assert reason_to_deny(PENDING, click(APPROVER, trusted=False), POLICY) is None


def test_everybody_else_is_told_who_may() -> None:
    said = reason_to_deny(PENDING, click(UserId("UOTHER")), POLICY)
    assert said == "Only <@UAPPROVER> or <@UASKER> can decide this."


def test_an_outsider_does_not_decide_on_the_turn_that_they_started() -> None:
    assert reason_to_deny(PENDING, click(ASKER, trusted=False), POLICY) == (
        "Only <@UAPPROVER> can decide this."
    )
    assert reason_to_deny(PENDING, click(ASKER, trusted=False), NOBODY) == (
        "Nobody is set up to decide this. Ask the operator to name approvers."
    )


def test_a_turn_that_nobody_started_is_decided_by_approvers_only() -> None:
    unprompted = replace(PENDING, requester=None)
    assert reason_to_deny(unprompted, click(APPROVER), POLICY) is None
    assert reason_to_deny(unprompted, click(ASKER), POLICY) == "Only <@UAPPROVER> can decide this."
    assert (reason_to_deny(unprompted, click(ASKER), NOBODY) or "").startswith("Nobody is set up")


def test_no_bot_decides_not_even_one_that_is_named() -> None:
    for user in (ASKER, APPROVER):
        assert (
            reason_to_deny(PENDING, click(user, bot=True), POLICY) == "Only people can decide this."
        )


def test_a_decision_counts_on_the_stored_card_only() -> None:
    assert "out of date" in (reason_to_deny(PENDING, click(ASKER, ts="4.000100"), POLICY) or "")


def test_a_click_may_be_faster_than_the_note_of_where_its_card_is() -> None:
    assert reason_to_deny(replace(PENDING, card=None), click(ASKER), POLICY) is None


@pytest.mark.parametrize(
    ("state", "said"),
    [
        (ApprovalState.ALLOWED, "<@UAPPROVER> has already approved this."),
        (ApprovalState.DENIED, "<@UAPPROVER> has already denied this."),
        (ApprovalState.EXPIRED, "Nobody answered in time, so this request has expired."),
        (ApprovalState.VOID, "This request is no longer open."),
    ],
)
def test_a_second_click_is_told_what_became_of_the_first(state: ApprovalState, said: str) -> None:
    settled = replace(PENDING, state=state, decided_by=APPROVER)
    assert reason_to_deny(settled, click(ASKER), POLICY) == said
    assert reason_to_deny(settled, click(APPROVER), POLICY) == said


def test_a_void_question_says_why() -> None:
    void = replace(PENDING, state=ApprovalState.VOID, cause="The turn has ended.")
    assert settled_sentence(void) == "The turn has ended."
    assert settled_sentence(PENDING) == "This request is still open."


people = st.builds(
    Person,
    st.sampled_from(["UASKER", "UAPPROVER", "UOTHER"]).map(UserId),
    st.just("x"),
    st.booleans(),
    st.booleans(),
)


@given(
    people,
    st.sampled_from(ApprovalState),
    st.sampled_from([ASKER, None]),
    st.sampled_from([POLICY, NOBODY]),
    st.sampled_from(["5.000100", "4.000100"]),
)
def test_who_is_neither_the_trusted_asker_nor_an_approver_never_decides(
    person: Person,
    state: ApprovalState,
    requester: UserId | None,
    policy: ApprovalPolicy,
    ts: str,
) -> None:
    approval = replace(PENDING, state=state, requester=requester)
    pressed = Click(
        approval.approval_id, person, Verdict.ALLOW, MessageRef(CARD.channel, MessageTs(ts))
    )
    may = person.user in policy.approvers or (person.trusted and person.user == requester)
    open_there = state is ApprovalState.PENDING and ts == CARD.ts
    allowed = may and open_there and not person.is_bot
    assert (reason_to_deny(approval, pressed, policy) is None) == allowed


# --- the digest ------------------------------------------------------------------------------

DIFF = FileDiff("f.txt", (DiffLine("add", "x"),))


def test_the_digest_does_not_depend_on_the_order_of_arguments() -> None:
    assert digest("T", {"a": 1, "b": 2}, ()) == digest("T", {"b": 2, "a": 1}, ())


def test_whatever_is_shown_changes_the_digest() -> None:
    shown = [
        digest("Bash", {"command": "ls"}, ()),
        digest("bash", {"command": "ls"}, ()),
        digest("Bash", {"command": "ls "}, ()),
        digest("Bash", {"command": 1}, ()),
        digest("Bash", {"command": "1"}, ()),
        digest("Bash", {"command": True}, ()),
        digest("Bash", {"command": "ls"}, (DIFF,)),
        digest("Bash", {"command": "ls"}, (replace(DIFF, path="g.txt"),)),
        digest("Bash", {"command": "ls"}, (replace(DIFF, note="big"),)),
        digest("Bash", {"command": "ls"}, (replace(DIFF, lines=(DiffLine("remove", "x"),)),)),
    ]
    assert len(set(shown)) == len(shown)


texts = st.text(st.characters(), max_size=8)
json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | texts,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(texts, inner, max_size=3),
    max_leaves=4,
)


@settings(max_examples=50)
@given(st.dictionaries(texts, json_values, max_size=3), texts)
def test_any_arguments_have_a_digest_and_a_change_shows(
    arguments: dict[str, object], more: str
) -> None:
    one = digest("T", arguments, ())
    assert len(one) == 64
    assert one == digest("T", dict(reversed(arguments.items())), ())
    assert one != digest("T", {**arguments, more: [arguments.get(more)]}, ())


def test_text_that_is_no_unicode_has_a_digest_too() -> None:
    assert digest("T", {"a": "\ud800"}, ()) != digest("T", {"a": "\ud801"}, ())


# --- what the agent is told ------------------------------------------------------------------


def test_the_agent_hears_who_denied_and_why() -> None:
    assert decision_for_agent(Verdict.DENY, who="Ann", reason=None) == "Ann denied this action."
    assert decision_for_agent(Verdict.DENY, who=None, reason="no") == (
        "A person denied this action and said: no"
    )


def test_silence_is_not_told_as_a_refusal() -> None:
    told = decision_for_agent(Verdict.EXPIRED, who=None, reason=None)
    assert "not a refusal" in told
    assert "denied" not in told


def test_with_an_allowance_nothing_is_said() -> None:
    assert decision_for_agent(Verdict.ALLOW, who="Ann", reason="fine") == ""


def test_g6_a_click_after_the_expiry_does_not_count_even_before_it_was_noticed() -> None:
    late = PENDING.expires_at
    assert "expired" in (reason_to_deny(PENDING, click(ASKER), POLICY, now=late) or "")
    just_in_time = late - timedelta(microseconds=1)
    assert reason_to_deny(PENDING, click(ASKER), POLICY, now=just_in_time) is None
