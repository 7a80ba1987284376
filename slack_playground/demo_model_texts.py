"""The demo model's words."""

import re

from slack_playground.demo_model_essay import CHAPTERS, LOGBOOK, TITLE
from slack_playground.demo_model_requests import Document

LABEL = "_— scripted demo model, not a language model_"

_MENU = """\
Try one of these:

- **which files are here?** — I look around, which needs no approval
- **run `git status`**, or any command — I ask first; you approve or deny
- **create ideas.md with five ideas for a party** — any name, number and topic
- **edit a file** — with a diff to look at
- **summarise this thread**, or a text file that you upload
- **investigate** — under an alert of another app
- **show me markdown** — headings, a table, code
- **a long answer** — watch it grow; stop it whenever you like
- **60,000 characters** — the same at full speed
- **think for 10 seconds** — what waiting looks like
- **fail** — what happens when the model is down

You can also mention `@ada` and `@grace` in one message."""

UNKNOWN = f"""\
I have no answer to that: I am a script that plays some scenes, not a language model. To talk to a \
real one, start the demo with a provider's key in the environment (`ANTHROPIC_API_KEY`, \
`OPENAI_API_KEY` or `OPENROUTER_API_KEY`).

{_MENU}"""

GUESTS = """\
Guests, such as Sam, and people of other organisations may talk in our threads; what they say is \
marked for me as coming from outside. They give me no work: who asks gets a private note. A team \
can allow single people (`people.allowed`) or all of them (`people.allow_outsiders`)."""

APPROVALS = """\
Reading needs no approval. Before I change something or run a command, a card appears in the \
thread with exactly what I want to do. Who asked me, or an approver of the team, approves or \
denies it, once; a denial may carry a reason, which I am told. Nobody else's click counts, and a \
card that nobody answers expires. Try: **run a command**."""

MEMORY = """\
Nothing of you: I am a script. What is real is the conversation: each thread, and these direct \
messages, are one conversation of their own with the agent, and a language model would remember \
what was said in it."""

NO_ALERT = (
    "I see no alert above. Ask me in the thread of a message that another app has posted; the "
    "globe in the channel's head can post one."
)

UNANSWERED = (
    "Nobody decided in time, so I did not do it. Ask me again when somebody is there to look."
)

NO_TOOLS = "I would do that, but this conversation gives me no tool for it."

FIRST_NOTES = """\
# Notes

- The deploy runs on Friday.
- Tests take 12 minutes.
- Owner: nobody yet.
"""

CORRECTION = ("- The deploy runs on Friday.\n", "- The deploy runs on Thursday, before lunch.\n")

EDITED = """\
`notes.md` is written, and the day of the deploy is corrected:

```diff
- - The deploy runs on Friday.
+ - The deploy runs on Thursday, before lunch.
```

Both steps were shown to you as diffs before anything touched the disk."""

TWO_RAN = (
    "Both commands ran, in order: `demo-system.txt` and `demo-note.txt` are in the project's "
    "directory."
)

MARKDOWN = """\
## What an answer can hold

Words can be **bold**, *slanted*, ~~struck out~~ or `code`; [links](https://docs.letta.com) work.

1. First, look at the table.
2. Then at the code.
   - Lists may be nested.
   - Each level keeps its place.

| part | size | state |
| --- | ---: | --- |
| parser | 1,204 lines | done |
| planner | 380 lines | in review |
| printer | 96 lines | not begun |

```python
def greet(name: str) -> str:
    \"\"\"Say hello, politely.\"\"\"
    return f"Hello, {name}!"
```

> A quotation keeps its bar at the left.

That is about everything Slack can show."""

_REVIEW = """\
**Good to merge after two small changes.**

| file | remark | weight |
| --- | --- | --- |
| `queue.py` | the retry has no upper bound | must change |
| `queue.py` | `claim` does one query too many | should change |
| `test_queue.py` | the name of the third test is a claim; nice | praise |

The bound can be one line:

```python
delay_s = min(delay_s * 2, LONGEST_S)
```"""


def greeting(me: str | None, asker: str | None) -> str:
    """Hello, who I am, and what to try."""
    first = asker.split()[0] if asker and asker.strip() else ""
    hello = f"Hello {first[:1].upper()}{first[1:]}!" if first else "Hello!"
    name = f" I am {me}." if me else ""
    return f"{hello}{name}\n\n{_MENU}"


def denied(result: str) -> str:
    """Takes a refusal well, and repeats the reason if there is one."""
    _, told, reason = result.partition(" and said: ")
    because = f" — “{reason.strip()}”, understood" if told and reason.strip() else ""
    return f"All right{because}. I did not do it, and I will not try again unless you ask."


def ran(output: str) -> str:
    """Comments on the command's output."""
    shown = output.strip()[:300]
    return f"Done. `demo-note.txt` now holds:\n\n```\n{shown}\n```\n\nNothing else was touched."


def looked(listing: str, path: str | None, content: str) -> str:
    """After a look around; `listing` is one name a line, `content` what `path` holds."""
    names = [f"- `{name}`" for name in listing.splitlines()[:12]]
    there = "\n".join(["This directory holds:", "", *names]) if names else "Nothing is here yet."
    return there if path is None else f"{there}\n\n{_about(path, content)}"


def most_interesting(listing: str) -> str | None:
    """The file that says most about a directory; None when there is no file."""
    names = [name for name in listing.splitlines() if "." in name.strip(".")]
    return next((name for name in names if name.lower().startswith("readme")), None) or (
        names[0] if names else None
    )


def uploaded(files: tuple[tuple[str, str], ...]) -> str:
    """What the uploaded files are and say."""
    return "\n\n".join(_about(name, content) for name, content in files)


def _about(name: str, content: str) -> str:
    if re.fullmatch(r"\((?:picture, attached|not read: .*)\)", content.strip()):
        return f"`{name}` is {content.strip()[1:-1]}; as a script I cannot look at it."
    lines = [_NUMBERED.sub("", line) for line in content.splitlines()]
    said = [line.strip() for line in lines if line.strip()]
    if not said:
        return f"`{name}` is empty."
    headings = [line.lstrip("# ") for line in said if line.startswith("#")]
    about = f" Its headings: {', '.join(headings[:6])}." if len(headings) > 1 else ""
    characters = sum(len(line) + 1 for line in lines)
    quoted = "\n".join(f"> {line[:200]}" for line in said[:3])
    return (
        f"`{name}` has {_count(len(lines), 'line')} and about {characters:,} characters.{about} "
        f"It begins:\n\n{quoted}"
    )


_NUMBERED = re.compile(r"^\s*\d+(?:→|\t)")
"""How the agent's own tool numbers the lines that it reads."""


def first_line(content: str) -> str | None:
    """The first line with words of a file that was read; None when it could not be read."""
    if re.match(r"\s*(?:error|file .*not (?:found|exist))", content, re.I):
        return None
    lines = (_NUMBERED.sub("", line).rstrip() for line in content.splitlines())
    return next((line for line in lines if line.strip()), None)


def document(wanted: Document) -> str:
    """The content of a file: exactly as many items as were asked for."""
    items = (_ITEMS[number % len(_ITEMS)] for number in range(wanted.count))
    body = "\n".join(
        f"{number}. {item.format(topic=wanted.topic)}" for number, item in enumerate(items, start=1)
    )
    return f"# {wanted.noun.capitalize()}: {wanted.topic}\n\n{body}\n"


_ITEMS = (
    "Ask three people what they miss most in {topic}, and write down their words.",
    "Leave out the part of {topic} that nobody used last month.",
    "Measure {topic} once a week and show the figure to everybody.",
    "Write the first page about {topic} before anything else.",
    "Let somebody new try {topic} for a day, and watch.",
    "Give {topic} an owner and a date.",
    "Look how others do {topic}, and take one thing from them.",
    "Try the smallest version of {topic} that could work.",
    "Say what {topic} will not be.",
    "Celebrate when {topic} is done.",
)


def wrote(wanted: Document) -> str:
    """After writing a file."""
    return (
        f"`{wanted.path}` is written: {_count(wanted.count, wanted.noun.removesuffix('s'))} about "
        f"{wanted.topic}. You saw the content before anything touched the disk."
    )


def edited(path: str, before: str) -> str:
    """After editing a file."""
    return f"`{path}` is changed:\n\n```diff\n- {before}\n+ {before} (looked over)\n```"


def not_there(path: str) -> str:
    """A file could not be read."""
    return f"I cannot read `{path}` here. Ask me **which files are here?** to see what there is."


def ran_command(command: str, output: str) -> str:
    """After a command that a person named."""
    shown = output.strip()[:1500] or "(no output)"
    return f"`{command}` ran. It said:\n\n```\n{shown}\n```"


def review(listing: str) -> str:
    """What a review looks like; `listing` is what the project holds."""
    count = len(listing.splitlines())
    return (
        f"I see {_count(count, 'file')} in this project. A script cannot judge code, so here is "
        f"what an agent's review looks like:\n\n{_REVIEW}"
    )


def investigated(who: str, alert: str) -> str:
    """What an alert of another app says, and what one would do about it."""
    quoted = "\n".join(f"> {line}" for line in alert.splitlines()[:12] if line.strip())
    return (
        f"{who} says:\n\n{quoted}\n\nNext steps that a person or a real agent would take:\n\n"
        "1. See whether it still happens, and since when.\n"
        "2. Look at what changed shortly before: deploys, settings, load.\n"
        "3. Read the logs of what it names; exit codes and the last lines say most.\n"
        "4. Write here what was found, and who goes on."
    )


def thread_summary(said: list[tuple[str, str]]) -> str:
    """Who said how much in the thread, and how it began."""
    counts: dict[str, int] = {}
    for who, _ in said:
        counts[who] = counts.get(who, 0) + 1
    lines = [f"- {who}: {_count(count, 'message')}" for who, count in counts.items()]
    began = next((words for _, words in said if words.strip()), "")
    return (
        f"{_count(len(said), 'message')} so far:\n\n"
        + "\n".join(lines)
        + f"\n\nIt began with:\n\n> {began.splitlines()[0][:300] if began else '(nothing)'}"
    )


def _count(number: int, noun: str) -> str:
    return f"{number:,} {noun}" if number == 1 else f"{number:,} {noun}s"


def thought(seconds: float) -> str:
    """After thinking."""
    return (
        f"I thought for {seconds:g} seconds. My thoughts stay with me; while I had them you saw "
        "only that I was at it."
    )


def long_answer() -> str:
    """A few thousand words in chapters."""
    chapters = (
        f"### {number}. {heading}\n\n{body}"
        for number, (heading, body) in enumerate((*CHAPTERS, LOGBOOK), start=1)
    )
    return f"{LABEL}\n\n## {TITLE}\n\n" + "\n\n".join(chapters)


def huge(characters: int) -> str:
    """Markdown of exactly so many characters, label included: tables, lists, nested fences."""
    first, last = f"{LABEL}\n\n# Sixty thousand characters\n", f"\n\n{LABEL}"
    text, number = first, 0
    while len(text) + len(last) < characters:
        number += 1
        text += _huge_section(number)
    return _cut(text, characters - len(last)) + last


def _cut(text: str, size: int) -> str:
    """The sections that fit, filled up with words so that nothing is cut inside a fence."""
    kept = text[: text.rindex("\n\n## ", 0, size)]
    filler = "\n\nThe rest is filler." + " filler" * (size // 7)
    return (kept + filler)[:size]


def _huge_section(number: int) -> str:
    rows = "\n".join(f"| {number}.{row} | {row * number} | item {row} |" for row in range(1, 13))
    _, body = CHAPTERS[number % len(CHAPTERS)]
    return f"""

## Section {number}

{body}

| place | value | name |
| --- | ---: | --- |
{rows}

````markdown
A fence inside a fence:

```python
for step in range({number}):
    print("section {number}, step", step)
```
````

1. One
   - and a half
2. Two"""
