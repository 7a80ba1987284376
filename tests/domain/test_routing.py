"""Who answers a message (DESIGN §10)."""

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bridge.domain.ids import ChannelId, MessageTs, TeamId, UserId
from bridge.domain.messages import InboundMessage
from bridge.domain.routing import Answer, NotForUs, Route, Stop, Team, Who, addressed_in, route
from bridge.domain.teammates import Teammate

ADA = Teammate("ada", aliases=("countess", "ada-lovelace"), user_group="S01ADA")
BOB = Teammate("bob", channels=(ChannelId("CBOB"),), user_group="S01ADA9")
EVE = Teammate("Eve.2", channels=(ChannelId("CBOB"),))
TEAM = Team((ADA, BOB, EVE))


def message(
    text: str, *, channel: str = "C1", dm: bool = False, app: bool = False
) -> InboundMessage:
    return InboundMessage(
        event_id="Ev1",
        team=TeamId("T1"),
        channel=ChannelId(channel),
        ts=MessageTs("2.000100"),
        thread_ts=MessageTs("1.000100"),
        user=UserId("U1"),
        text=text,
        is_dm=dm,
        mentions_app=app,
    )


def routed(text: str, *in_thread: str) -> Route:
    return route(message(text), in_thread=in_thread, team=TEAM)


# --- who is addressed ------------------------------------------------------------------------

ADDRESSED = [
    ("@ada please look", ("ada",)),
    ("could you, @ada?", ("ada",)),
    ("(@ada)", ("ada",)),
    ("thanks @ada.", ("ada",)),
    ("thanks @ada. Bye", ("ada",)),
    ("@ADA loud", ("ada",)),
    ("*@ada* bold", ("ada",)),
    ("@ada's turn", ("ada",)),
    ("@ada / @bob decide", ("ada", "bob")),
    ("@countess", ("ada",)),
    ("@ada-lovelace hi", ("ada",)),
    ("@eve.2: hi", ("Eve.2",)),
    ("ada: go", ("ada",)),
    ("  Ada, go", ("ada",)),
    ("ada:", ("ada",)),
    ("countess, go", ("ada",)),
    ("<@U0APP> ada: go", ("ada",)),
    ("<@U0APP|bridge> ada, go", ("ada",)),
    ("<!subteam^S01ADA> go", ("ada",)),
    ("please <!subteam^S01ADA|@analysts> go", ("ada",)),
    ("@bob and @ada", ("bob", "ada")),
    ("ada: ask @bob, then @ada again", ("ada", "bob")),
    ("<!subteam^S01ADA9> then @ada", ("bob", "ada")),
    ("<!subteam^S01ADA|@bob> look", ("ada",)),
    ("`make` then @ada", ("ada",)),
    ("@ada帮我看看", ("ada",)),
    ("请@ada看一下", ("ada",)),
    ("@adaさんお願いします", ("ada",)),
    ("@ada에게 물어보세요", ("ada",)),
    ("ช่วย@adaดูหน่อย", ("ada",)),
    ("ו@ada תבדקי", ("ada",)),
    ("＠ada 看看", ("ada",)),
    ("（@ada）看看", ("ada",)),
    ("ada：看看", ("ada",)),
    ("<@U0APP> ada，看看", ("ada",)),
    ("_@ada_ look", ("ada",)),
    ("~@ada~ *@bob*", ("ada", "bob")),
    ("> said before\n@ada what now?", ("ada",)),
    ("@ada/@bob please", ("ada", "bob")),
    ("https://ex.example/x @ada", ("ada",)),
    ("看https://ex.example/x，@ada", ("ada",)),
]
NOT_ADDRESSED = [
    "",
    "ada",
    "I met ada: she is kind",
    "adam: go",
    "ada:go",
    "ada,go",
    "@adam go",
    "@ada-b go",
    "@ada_b go",
    "@adaé",
    "mail bob@ada.com",
    "mail <mailto:x@ada.com|x@ada.com>",
    "see @ada.com",
    "npm install @ada/core",
    "https://example.com/@ada",
    "@@ada",
    "a-@ada",
    "node_modules/@ada",
    "`@ada`",
    "`ada:` is how to call her",
    "```\n@ada\n```",
    "```\nnever closed @ada",
    "<!subteam^S01AD> go",
    "<!subteam^S01ADA99> go",
    "<@U0ADA> go",
    "@eve-2 @evex2",
    "see https://ex.example/?u=@ada",
    "see ex.example/?u=@ada",
    "[the page](https://ex.example/?u=@ada)",
    "> @ada said so",
    "well\n  > ada: go",
    ">>> all of this\n@ada go",
    "почта@ada",
    "@adàn",
]


@pytest.mark.parametrize(("text", "names"), ADDRESSED)
def test_this_addresses(text: str, names: tuple[str, ...]) -> None:
    assert addressed_in(text, TEAM) == names
    assert routed(text, "bob") == Answer(names)


@pytest.mark.parametrize("text", NOT_ADDRESSED)
def test_this_addresses_nobody(text: str) -> None:
    assert addressed_in(text, TEAM) == ()
    assert routed(text) == NotForUs(remember=False)


GLUE = {
    "Han": ("请", "帮我看看"),
    "Hiragana": ("ねえ", "さんお願い"),
    "Katakana": ("ハイ", "ヘルプ"),
    "Hangul": ("저기", "에게"),
    "Thai": ("ช่วย", "ดูหน่อย"),
    "Hebrew": ("ו", " תבדקי"),
    "Arabic": ("و", " ساعدني"),
    "Devanagari": ("कृपया ", " देखो"),
    "Cyrillic": ("скажи ", "й посмотри"),
    "Latin": ("please ", " look"),
}
SURROUNDINGS = st.sampled_from(sorted(GLUE))
EMPHASES = st.sampled_from(
    [("", ""), ("*", "*"), ("_", "_"), ("~", "~"), ("（", "）"), ("「", "」")]
)


@given(
    SURROUNDINGS, SURROUNDINGS, EMPHASES, st.sampled_from(["@ada", "@ADA", "＠ada", "@countess"])
)
def test_a_mention_in_any_script_is_seen(
    before: str, after: str, marks: tuple[str, str], name: str
) -> None:
    text = f"{GLUE[before][0]}{marks[0]}{name}{marks[1]}{GLUE[after][1]}"
    assert addressed_in(text, TEAM) == ("ada",), text


@given(SURROUNDINGS, SURROUNDINGS)
def test_what_only_quotes_or_shows_a_mention_calls_nobody(before: str, after: str) -> None:
    mention = f"{GLUE[before][0]}@ada{GLUE[after][1]}"
    for text in (f"`{mention}`", f"```\n{mention}\n```", f"> {mention}", f"x\n>>> a\n{mention}"):
        assert addressed_in(text, TEAM) == (), text


def test_code_after_a_line_that_only_looks_like_code_still_counts() -> None:
    assert addressed_in("a ` b\n@ada ` c", TEAM) == ("ada",)


# --- who answers -----------------------------------------------------------------------------


def test_who_is_in_the_thread_answers_the_most_recently_addressed_first() -> None:
    assert routed("go on", "bob", "ada") == Answer(("bob",))


def test_a_mention_beats_the_one_in_the_thread() -> None:
    assert routed("@ada go on", "bob") == Answer(("ada",))


def test_who_is_in_the_thread_beats_the_channels_default() -> None:
    asked = message("hi", channel="CBOB", app=True)
    assert route(asked, in_thread=["ada"], team=TEAM) == Answer(("ada",))


@pytest.mark.parametrize(("channel", "name"), [("CBOB", "bob"), ("C1", "ada")])
def test_a_mention_of_the_app_goes_to_the_channels_default_then_the_workspaces(
    channel: str, name: str
) -> None:
    asked = message("<@U0APP> hi", channel=channel, app=True)
    assert route(asked, in_thread=[], team=TEAM) == Answer((name,))


def test_a_direct_message_is_always_answered() -> None:
    assert route(message("hi", dm=True), in_thread=[], team=TEAM) == Answer(("ada",))
    assert route(message("hi", dm=True), in_thread=["bob"], team=TEAM) == Answer(("bob",))


def test_talk_among_people_is_left_alone() -> None:
    assert routed("lunch?") == NotForUs(remember=False)


def test_a_teammate_who_was_removed_answers_no_more() -> None:
    assert routed("go on", "carol", "bob") == Answer(("bob",))
    assert routed("go on", "carol") == NotForUs(remember=True)
    asked = message("hi", app=True)
    assert route(asked, in_thread=["carol"], team=TEAM) == Answer(("ada",))


def test_teammates_are_found_by_name_and_alias_in_any_case() -> None:
    assert TEAM.named("ADA") is TEAM.named("Countess") is ADA
    assert TEAM.named("eve.2") is EVE
    assert TEAM.named("carol") is None


# --- stop ------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("text", "names"),
    [
        ("!stop", ()),
        ("  !STOP now", ()),
        ("!stop!", ()),
        ("<@U0APP> !stop", ()),
        ("<@U0APP|bridge>!stop", ()),
        ("@ada !stop", ("ada",)),
        ("ada: !stop", ("ada",)),
        ("ada, !stop", ("ada",)),
        ("<@U0APP> @ada !stop", ("ada",)),
        ("@ada, @bob: !stop", ("ada", "bob")),
        ("@ada-lovelace !stop", ("ada",)),
        ("!stop @bob", ("bob",)),
        ("!stop ada", ("ada",)),
        ("!stop please, bob", ("bob",)),
        ("!stop ada and Bob!", ("ada", "bob")),
        ("@ada !stop, bob.", ("ada", "bob")),
        ("!stop ada-lovelace", ("ada",)),
        ("!stop, <@U0APP>.", ()),
        ("<!subteam^S01ADA|@analysts> !stop", ("ada",)),
    ],
)
def test_this_stops(text: str, names: tuple[str, ...]) -> None:
    assert routed(text, "bob") == Stop(names)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("!stopwatch", Answer(("bob",))),
        ("!stop-gap measures will do", Answer(("bob",))),
        ("!stop-gap", Answer(("bob",))),
        ("!stop doing that, do this", Answer(("bob",))),
        ("!stop adam", Answer(("bob",))),
        ("@ada !stop the deployment", Answer(("ada",))),
        ("!stop and think", Answer(("bob",))),
        ("type !stop to stop", Answer(("bob",))),
        ("`!stop`", Answer(("bob",))),
        ("stop", Answer(("bob",))),
        ("@ada tell me about !stop", Answer(("ada",))),
    ],
)
def test_this_does_not_stop(text: str, expected: Route) -> None:
    assert routed(text, "bob") == expected


@pytest.mark.parametrize("text", ["!who", "!WHO?", "*!who*", "<@U0APP> !who", "@ada !who!"])
def test_this_asks_who_is_here(text: str) -> None:
    assert routed(text, "bob") == Who()


@pytest.mark.parametrize("text", ["!whoever", "!who broke it", "who", "`!who`", "is it !who"])
def test_this_does_not_ask_who_is_here(text: str) -> None:
    assert routed(text, "bob") == Answer(("bob",))


def test_people_may_say_it_among_themselves() -> None:
    assert routed("!who") == NotForUs(remember=False)
    assert route(message("!who", dm=True), in_thread=[], team=TEAM) == Who()


# --- laws ------------------------------------------------------------------------------------

MARKS = "@`/.|>é \\\n"
fragments = st.sampled_from(
    [
        *MARKS,
        "ada",
        "bob",
        "ada:",
        "@ada",
        "```",
        "<!subteam^",
        "S01ADA",
        "<@U1>",
        "!stop",
        "!who",
        "(?",
    ]
)
hostile = st.text(max_size=40) | st.lists(fragments, max_size=12).map("".join)
thread = st.lists(st.sampled_from(["ada", "bob", "carol", "Eve.2"]), unique=True, max_size=4)
messages = st.builds(
    lambda text, dm, app, channel: message(text, dm=dm, app=app, channel=channel),
    hostile,
    st.booleans(),
    st.booleans(),
    st.sampled_from(["C1", "CBOB"]),
)


@given(messages, thread)
def test_any_text_is_routed_and_only_to_teammates_that_exist(
    asked: InboundMessage, in_thread: list[str]
) -> None:
    way = route(asked, in_thread=in_thread, team=TEAM)
    match way:
        case Answer(names) | Stop(names):
            assert len(set(names)) == len(names)
            assert set(names) <= {"ada", "bob", "Eve.2"}
            assert names or isinstance(way, Stop)
        case Who():
            assert "!who" in asked.text
        case NotForUs(remember):
            assert not asked.is_dm
            assert not asked.mentions_app
            assert remember == bool(in_thread)


@given(hostile)
def test_what_stands_in_a_code_block_addresses_nobody(text: str) -> None:
    inside = text.replace("`", "'")
    assert addressed_in(f"see\n```\n{inside}\n```", TEAM) == ()
    assert addressed_in(f"see `{inside.replace(chr(10), ' ')}`", TEAM) == ()


names = st.text(st.characters(exclude_categories=("C", "Z")), min_size=1, max_size=6)


@given(names.filter(str.strip), hostile)
def test_any_name_can_be_configured(name: str, text: str) -> None:
    team = Team((replace(ADA, name=name, aliases=()),))
    assert set(addressed_in(text, team)) <= {name}
    assert isinstance(route(message(text), in_thread=[name], team=team), Answer | Stop | Who)
