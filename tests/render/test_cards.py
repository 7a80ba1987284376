import json
from dataclasses import replace
from datetime import UTC, datetime, timedelta, timezone

import pytest

from bridge.domain.approvals import Approval, ApprovalState
from bridge.domain.events import DiffLine, FileDiff
from bridge.domain.ids import ThreadKey
from bridge.domain.teammates import Persona
from bridge.render import action_ids
from bridge.render.cards import approval_card, decided_card, full_view_modal, instant, reason_modal
from tests.render.oracles import check_blocks, check_view, pings, texts

NOON = datetime(2026, 11, 22, 12, 0, tzinfo=UTC)
ADA = Persona("Ada")
DIFF = FileDiff(
    "src/a.py", (DiffLine("context", "x"), DiffLine("remove", "y"), DiffLine("add", "z"))
)


def approval(tool="Bash", arguments=None, diffs=(), **more):
    return Approval(
        approval_id="ap1",
        turn_id="t1",
        thread=None,
        teammate="ada",
        request_id="perm-1",
        tool_name=tool,
        arguments={"command": "touch notes.txt"} if arguments is None else arguments,
        diffs=diffs,
        digest="d",
        **{"requester": "U1"} | more,
        asked_at=NOON,
        expires_at=NOON + timedelta(hours=1),
    )


def card(asked, **more):
    rendered = approval_card(asked, ADA, **more)
    check_blocks(rendered.blocks)
    return rendered


def words(blocks):
    return "\n".join(text["text"] for text in texts(list(blocks)))


def actions_of(rendered):
    return [element["action_id"] for element in rendered.blocks[-1]["elements"]]


def test_a_card_asks_who_wants_what_until_when():
    rendered = card(approval(), approvers={"U3", "U2", "U1"}, outbox_id="ob1")
    said = words(rendered.blocks)
    assert said.startswith("*Ada* asks to use *Bash*\n```\ntouch notes.txt\n```")
    assert "<@U1> or <@U2> or <@U3> can decide · until <!date^1795352400^" in said
    assert rendered.text == "Ada asks to use Bash: touch notes.txt"
    assert rendered.blocks[0]["block_id"] == "out-ob1"


def test_its_buttons_hold_the_opaque_id_and_nothing_else():
    rendered = card(approval())
    assert actions_of(rendered) == [
        action_ids.APPROVAL_ALLOW,
        action_ids.APPROVAL_DENY,
        action_ids.APPROVAL_DENY_REASON,
    ]
    buttons = rendered.blocks[-1]["elements"]
    assert {element["value"] for element in buttons} == {"ap1"}
    assert [element.get("style") for element in buttons] == ["primary", "danger", None]


def test_a_command_is_shown_as_it_is_with_every_other_argument():
    command = "echo '```' && cat <<EOF\n*bold* @here <!channel> \u202eabc\nEOF"
    rendered = card(approval(arguments={"command": command, "description": "*Hi*", "timeout": 9}))
    said = words(rendered.blocks).replace("\u2060", "")
    assert "cat &lt;&lt;EOF\n*bold* @here &lt;!channel&gt; ⟨U+202E⟩abc\nEOF" in said
    assert "In the agent's words: *Hi*" in said
    assert '"timeout": 9' in said
    described = [text for text in texts(list(rendered.blocks)) if "*Hi*" in text["text"]]
    assert [text["type"] for text in described] == ["plain_text"]


def test_other_tools_show_their_arguments_as_json():
    said = words(card(approval("lookup", {"id": "LET-1", "n": [1]})).blocks)
    assert '```\n{\n  "id": "LET-1",\n  "n": [\n    1\n  ]\n}\n```' in said
    rendered = card(approval("TaskList", {}))
    assert "It takes no arguments." in words(rendered.blocks)
    assert rendered.text == "Ada asks to use TaskList"


def test_what_is_cut_is_said_and_can_be_opened():
    rendered = card(approval(arguments={"command": "x" * 9_000}))
    said = words(rendered.blocks)
    left = 9_000 - said.count("x", said.index("```"), said.rindex("```"))
    assert f"…, {left:,} more characters: open the full view." in said
    assert action_ids.APPROVAL_VIEW in actions_of(rendered)


def test_a_long_description_is_cut_and_can_be_opened():
    rendered = card(approval(arguments={"command": "ls", "description": "d" * 900}))
    assert action_ids.APPROVAL_VIEW in actions_of(rendered)


def test_long_other_arguments_are_cut_and_can_be_opened():
    rendered = card(approval(arguments={"command": "ls", "env": "e" * 9_000}))
    assert action_ids.APPROVAL_VIEW in actions_of(rendered)


def test_a_diff_is_shown_with_its_signs_and_can_be_opened():
    rendered = card(approval("Edit", {"file_path": "src/a.py"}, (DIFF,)))
    said = words(rendered.blocks)
    assert "Changes in `src/a.py`" in said
    assert "```\n x\n-y\n+z\n```" in said
    assert action_ids.APPROVAL_VIEW in actions_of(rendered)


@pytest.mark.parametrize(
    ("note", "said"),
    [(None, "no lines to show"), ("new <!channel> file", "no lines to show (new &lt;!channel")],
)
def test_a_diff_without_lines_shows_no_empty_code_block(note, said):
    shown = words(card(approval("Write", {"file_path": "a"}, (FileDiff("a", (), note),))).blocks)
    (line,) = [text for text in shown.splitlines() if "Changes in" in text]
    assert said in line


def test_many_and_huge_diffs_are_cut_with_words():
    huge = FileDiff("big.py", tuple(DiffLine("add", "line") for _ in range(100_000)))
    rendered = card(approval("Write", {}, (huge, FileDiff("", ()), DIFF, DIFF)))
    said = words(rendered.blocks)
    assert "more characters: open the full view." in said
    assert "`(no path)`: no lines to show" in said
    assert "`(no path)`" in said
    assert "…and 1 more file: open the full view" in said
    assert "…and 2 more files" in words(card(approval("Write", {}, (DIFF,) * 5)).blocks)


def test_without_a_requester_an_approver_decides():
    assert "Only an approver can decide" in words(card(approval(requester=None)).blocks)
    assert "<@U2> can decide" in words(card(approval(requester=None), approvers={"U2"}).blocks)


def test_foreign_text_on_a_card_pings_only_those_who_decide():
    hostile = "<!here> <@U9> @everyone &lt;!channel&gt; *x* `y`"
    asked = approval(hostile, {"command": hostile, hostile: hostile}, (FileDiff(hostile, ()),))
    rendered = approval_card(asked, Persona(hostile))
    for text in texts([*rendered.blocks, {"type": "mrkdwn", "text": rendered.text}]):
        seen = text["text"].replace("<!date^", "")
        assert pings(seen, markdown=False) <= {"U1"} or text["type"] == "plain_text"


@pytest.mark.parametrize(
    ("state", "line"),
    [
        (ApprovalState.ALLOWED, "✓ <@U2> approved *Bash* `touch notes.txt` · <!date^1795348800^"),
        (ApprovalState.DENIED, "✕ <@U2> denied *Bash* `touch notes.txt` · <!date^1795348800^"),
        (ApprovalState.EXPIRED, "Nobody answered in time: *Bash* `touch notes.txt` was not run · "),
        (ApprovalState.VOID, "*Bash* `touch notes.txt`: The turn was stopped. · "),
        (ApprovalState.PENDING, "*Bash* `touch notes.txt` is waiting for a decision."),
    ],
)
def test_a_settled_card_is_one_line(state, line):
    settled = approval(state=state, decided_by="U2", decided_at=NOON, cause="The turn was stopped.")
    rendered = decided_card(settled, outbox_id="ob1")
    check_blocks(rendered.blocks)
    assert len(rendered.blocks) == 1
    assert words(rendered.blocks).startswith(line)


def test_a_denial_gives_its_reason_as_data():
    denied = approval(state=ApprovalState.DENIED, decided_by="U2", cause="no\n<!here>")
    assert words(decided_card(denied).blocks).endswith("· “no &lt;!here&gt;”")
    assert "“" not in words(decided_card(replace(denied, cause=None)).blocks)


def test_a_settled_card_without_a_name_or_a_moment_still_reads():
    allowed = approval("TaskList", {}, state=ApprovalState.ALLOWED)
    assert words(decided_card(allowed).blocks) == "✓ Somebody approved *TaskList*"


def test_an_instant_is_shown_in_the_readers_time_zone():
    local = datetime(2026, 11, 22, 13, 0, tzinfo=timezone(timedelta(hours=1)))
    assert instant(local) == "<!date^1795348800^{date_short_pretty} {time}|2026-11-22 12:00 UTC>"


def test_a_name_without_anything_in_it_is_the_agent():
    assert words(approval_card(approval(), Persona("")).blocks).startswith("*The agent* asks")


# --- modals ------------------------------------------------------------------------------------


def test_the_full_view_holds_everything():
    asked = approval(arguments={"command": "ls", "description": "List", "t": 1}, diffs=(DIFF,))
    view = full_view_modal(asked)
    check_view(view)
    said = words(view["blocks"])
    for part in ("```\nls\n```", "```\nList\n```", '"t": 1', "`src/a.py`", "-y\n+z"):
        assert part in said
    assert "do not fit" not in said
    assert view["callback_id"] == action_ids.VIEW_FULL


def test_the_full_view_of_nothing_shows_the_empty_arguments():
    assert "```\n{}\n```" in words(full_view_modal(approval("TaskList", {}))["blocks"])


def test_the_full_view_keeps_long_text_in_order():
    command = "".join(f"echo {index}\n" for index in range(3_000))
    view = full_view_modal(approval(arguments={"command": command}))
    check_view(view)
    shown = words(view["blocks"]).replace("```\n", "").replace("\n```", "")
    assert command.strip() in shown


@pytest.mark.parametrize("char", ["x", "é", "\u202e", "😀", "\n", "&"])
def test_the_full_view_says_when_it_is_cut(char):
    huge = FileDiff("b.py", tuple(DiffLine("add", char * 50) for _ in range(20_000)))
    view = full_view_modal(
        approval("Write", {"content": char * 50}, (huge, DIFF, FileDiff("", ())))
    )
    check_view(view)
    assert "more characters do not fit here" in words(view["blocks"])
    assert len(json.dumps(view)) <= 250_000


def test_files_that_do_not_fit_at_all_are_counted():
    said = words(full_view_modal(approval("Write", {}, (DIFF,) * 60))["blocks"])
    assert "more characters do not fit here" in said


def test_one_character_that_does_not_fit_is_one():
    diffs = (*(DIFF for _ in range(43)), FileDiff("x", (), "é"))
    view = full_view_modal(approval("Write", {}, diffs))
    check_view(view)
    assert "…, 1 more character does not fit here" in words(view["blocks"])


def test_the_reason_modal_knows_its_approval():
    asked = replace(approval(), thread=ThreadKey("T1", "C1", "1.000100"))
    view = reason_modal(asked)
    check_view(view)
    assert json.loads(view["private_metadata"]) == {
        "approval": asked.approval_id,
        "channel": asked.thread.channel,
        "thread_ts": asked.thread.thread_ts,
    }
    assert view["callback_id"] == action_ids.VIEW_REASON
    (question,) = view["blocks"]
    assert question["block_id"] == action_ids.REASON_BLOCK
    assert question["element"]["action_id"] == action_ids.REASON_INPUT
    assert view["submit"]["text"] == "Deny"
