"""The demo model's words."""

from slack_playground.demo_model_essay import CHAPTERS, LOGBOOK, TITLE

LABEL = "_— scripted demo model, not a language model_"

_MENU = """\
Try one of these:

- **which files are here?** — I look around, which needs no approval
- **run a command** — I ask first; you approve or deny
- **edit a file** — with a diff to look at
- **show me markdown** — headings, a table, code
- **a long answer** — watch it grow; stop it whenever you like
- **60,000 characters** — the same at full speed
- **think for 10 seconds** — what waiting looks like
- **fail** — what happens when the model is down

You can also mention `@ada` and `@grace` in one message, and upload a text file."""

UNANSWERED = (
    "Nobody decided in time, so I did not do it. Ask me again when somebody is there to look."
)

NO_TOOLS = "I would do that, but this conversation gives me no tool for it."

_PURPOSE = (
    "the agents of this demo work here, and nothing outside it belongs to them. Reading needed no "
    "approval; changing something would."
)

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

REVIEW = """\
I read it. In short: **good to merge after two small changes.**

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


def looked(listing: str) -> str:
    """After a look around; `listing` is one name a line."""
    names = [f"- `{name}`" for name in listing.splitlines()[:12]]
    return "\n".join(
        ["This directory holds:", "", *names, "", "`README.md` says what it is for: " + _PURPOSE]
    )


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
