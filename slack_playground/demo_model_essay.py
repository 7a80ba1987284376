"""The long answer of the demo model: an invented account, long enough to watch it grow."""

from itertools import cycle, islice

TITLE = "The lighthouse at the end of the mole"

CHAPTERS = (
    (
        "The harbour",
        "The harbour is older than any map of it. It began as a row of posts to which the fishing "
        "boats were tied, and for two hundred years nobody thought that it needed more. Then the "
        "coal ships came, which draw four metres and turn like cupboards, and the town built a "
        "mole of grey stone, nine hundred metres long, out into the bay. At its end stands the "
        "lighthouse. It is not tall. From the market place you see only the lantern above the "
        "roofs, and strangers take it for a second moon.",
    ),
    (
        "The keeper",
        "The first keeper was a retired pilot who counted everything. He counted the steps (one "
        "hundred and eleven), the panes of the lantern (twenty-four), and the ships, of course, "
        "each with the hour, the wind and what he thought of her captain. His books fill a shelf "
        "in the town hall. They are the reason why we know so much about the harbour and so "
        "little about him. Only once, in a February, does he write of himself: *cold, but I have "
        "stopped noticing, which worries me.*",
    ),
    (
        "The lamp",
        "The lamp burnt rape oil at first, then petroleum, then gas, and since the year of the big "
        "flood it has been electric. Each change was fought by the keeper of the time and praised "
        "by the next. What never changed is the rhythm: light for two seconds, dark for one, light "
        "for two, dark for seven. Sailors read it as other people read a signature. A coaster's "
        "mate told me that he had recognised it on a postcard, from the length of the blur.",
    ),
    (
        "The fog",
        "Light is of no use in fog, so there is a horn. It was driven by a steam engine that took "
        "forty minutes to get warm, which meant that somebody had to guess the fog forty minutes "
        "before it came. The guesses were good. They were made by the keeper's daughter, who "
        "looked at the gulls: when they sat down on the mole in a row, all facing the town, she "
        "lit the fire. Science has since explained this, and the explanation is less useful than "
        "the gulls were.",
    ),
    (
        "The night of the two ships",
        "Everybody in the town tells this story differently. What the book says is short. At ten "
        "past three, wind north-west, two ships came in at once, each sure that the other would "
        "wait. The keeper could neither call them nor move them. He did the one thing he could: "
        "he broke the rhythm. For one minute he kept the light dark. Both captains, who had looked "
        "at it without thinking for twenty years, looked up, wondered, and slowed. They passed "
        "with a boat's length between them.",
    ),
    (
        "What can be learnt",
        "It is tempting to draw a lesson, and people have drawn several. The engineers say that a "
        "signal is what changes. The captains say that one should wait. The keeper's successor, "
        "who heard it from himself, said that the lesson was another one: he had practised the "
        "dark minute every winter for eleven years, alone, with a watch, and had written it down "
        "each time as *exercise, no ships.*",
    ),
    (
        "The machine",
        "Today a machine in a grey box keeps the rhythm. It reports its state every ten minutes to "
        "a room in the capital, where a screen shows a green dot. The dot has been yellow four "
        "times and red once, when a swan sat on the aerial. Someone drove out, looked at the swan "
        "for a while, and drove home. The report of this journey is very exact and does not "
        "mention that it was the most beautiful morning of that year.",
    ),
)

_WINDS = (
    "north-west, fresh",
    "west, light",
    "calm",
    "south, rising",
    "east, cold",
    "north, a gale",
)
_SEEN = (
    "a collier deep in the water, bound for the inner basin",
    "two trawlers side by side, so close that their crews shared a pipe",
    "the mail steamer, four minutes early and proud of it",
    "nothing but gulls, and these in two minds about the weather",
    "a yacht whose owner waved, and then waved again, and then asked for the way",
    "the pilot cutter, twice, out and home, without a ship in between",
    "a barque under all sail, which nobody had expected to see again",
)
_THOUGHTS = (
    "The lamp was trimmed at midnight and burnt evenly until the morning.",
    "One pane of the lantern has a scratch on the inside, and I do not know how it came there.",
    "Counted the steps again on the way down; they are still one hundred and eleven.",
    "The horn was tried for a minute at noon, to the displeasure of the dog.",
    "Wrote to the office about paint. The office will write about paint.",
)


def _logbook(entries: int) -> str:
    """Entries of the keeper's book; the lists have different lengths, so none is like another."""
    lines = (
        f"- **{night}.** Wind {wind}. Saw {seen}. {thought}"
        for night, wind, seen, thought in zip(
            range(1, entries + 1), cycle(_WINDS), cycle(_SEEN), cycle(_THOUGHTS), strict=False
        )
    )
    return "\n".join(islice(lines, entries))


LOGBOOK = ("From the book of the first keeper", _logbook(64))
"""With the chapters about three thousand words."""
