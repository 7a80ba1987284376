"""Laws of joining stored text with the pieces that came meanwhile."""

import asyncio
from collections.abc import Sequence

from hypothesis import given
from hypothesis import strategies as st

from bridge.domain.ids import RunId
from bridge.domain.ports import HistoryMessage
from bridge.engine.transcript import Transcript, joined
from bridge.render.stream import ReplyStream

RUN = RunId("run-7")
words = st.text(alphabet="ab c\n", max_size=4) | st.text(max_size=4)
streams = st.lists(words, min_size=1, max_size=12)


def instants(pieces: Sequence[str]) -> st.SearchStrategy[tuple[int, int, int]]:
    """How many pieces were sent before we subscribed, before the snapshot, before its answer."""
    anywhere = st.integers(0, len(pieces))
    three = st.tuples(anywhere, anywhere, anywhere)
    return three.map(lambda drawn: tuple(sorted(drawn)))  # type: ignore[return-value, arg-type]


cut_streams = streams.flatmap(lambda pieces: st.tuples(st.just(pieces), instants(pieces)))


def fits(stored: str, held: Sequence[str], count: int) -> bool:
    return stored.endswith("".join(held[:count]))


@given(cut_streams)
def test_the_join_is_the_whole_unless_another_place_fits_as_well(
    case: tuple[list[str], tuple[int, int, int]],
) -> None:
    pieces, (subscribed, snapshot, answered) = case
    stored, held = "".join(pieces[:snapshot]), pieces[subscribed:answered]
    whole, true = "".join(pieces[:answered]), snapshot - subscribed
    found = joined(stored, held)
    others = [
        count
        for count in range(len(held) + 1)
        if fits(stored, held, count) and "".join(held[count:]) != "".join(held[true:])
    ]
    assert found == whole or others, "only text that repeats itself may be misjudged"
    assert found.startswith(stored)
    assert len(found) <= len(whole), "it may lack a repetition, never double anything"


@given(st.text(), st.lists(st.text(), max_size=6))
def test_nothing_is_invented_and_nothing_stored_is_lost(stored: str, held: list[str]) -> None:
    found = joined(stored, held)
    assert found.startswith(stored)
    assert "".join(held).endswith(found[len(stored) :])


async def _resumed(messages: list[list[str]], cut: tuple[int, int, int]) -> ReplyStream:
    """A new process: subscribes, lists while pieces come, then hears the rest."""
    stream = ReplyStream()
    transcript = Transcript(stream)  # type: ignore[arg-type]
    sent = [(number, text) for number, pieces in enumerate(messages) for text in pieces]
    subscribed, snapshot, answered = cut
    transcript.miss()
    for number, text in sent[subscribed:answered]:
        transcript.append(RUN, f"m{number}", text)
    stored = ["".join(t for n, t in sent[:snapshot] if n == at) for at in range(len(messages))]
    await transcript.fill(
        [
            HistoryMessage(f"m{number}", "assistant", text, None)
            for number, text in enumerate(stored)
            if text
        ]
    )
    for number, text in sent[answered:]:
        transcript.append(RUN, f"m{number}", text)
    return stream


unique = st.lists(st.integers(1, 3), min_size=1, max_size=4).map(
    lambda sizes: [[f"{n}.{k} " for k in range(size * 3)] for n, size in enumerate(sizes)]
)
told = unique.flatmap(
    lambda messages: st.tuples(st.just(messages), instants([t for m in messages for t in m]))
)


@given(told)
def test_whenever_a_new_process_comes_the_reply_is_that_of_one_that_heard_all(
    case: tuple[list[list[str]], tuple[int, int, int]],
) -> None:
    messages, cut = case
    undisturbed = ReplyStream()
    for number, pieces in enumerate(messages):
        for piece in pieces:
            undisturbed.append(RUN, f"m{number}", piece)
    assert asyncio.run(_resumed(messages, cut)).text() == undisturbed.text()
