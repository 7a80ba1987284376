"""What was seen in a round, gathered for the judge: the workspace, the file, the model's calls."""

import asyncio
import html
import json
import re
import urllib.request
from collections.abc import Iterator
from typing import Any

from tests.chaos.checker import Asked, Evidence, Post
from tests.chaos.people import People, ThreadMessage, everything
from tests.chaos.plan import STOPS, Shape
from tests.chaos.script import RAN, answer
from tests.chaos.stage import Stage
from tests.e2e.world import actions, markdown, reactions, shown

Json = dict[str, Any]

_COMMAND = re.compile(rf"echo (\w+) >> {re.escape(RAN)}")


async def gather(stage: Stage, people: People, *, acked: frozenset[str]) -> Evidence:
    """The state of things now. `acked` are the messages that Slack knows have arrived."""
    channels = {one.channel for one in people.said.values()}
    file = stage.project / RAN
    return Evidence(
        asked=tuple(_asked(one, acked) for one in people.said.values()),
        posts=tuple(
            _post(channel, message)
            for channel in sorted(channels)
            for message in everything(stage.place, channel)
        ),
        presses=tuple(people.presses),
        executed=tuple(file.read_text().split()) if file.exists() else (),
        called=tuple(await asyncio.to_thread(_called, stage.model_url)),
        statuses=stage.place.statuses(),
        server_killed=stage.server_kills > 0,
    )


def _asked(one: ThreadMessage, acked: frozenset[str]) -> Asked:
    keys = (one.ask.key, one.ask.edited_key) if one.edited else (one.ask.key,)
    return Asked(
        keys=keys,
        answers=tuple(answer(one.ask, key) for key in keys),
        channel=one.channel,
        root=one.root,
        ts=one.ts,
        who=_id(one.ask.who),
        command=one.ask.shape is Shape.COMMAND,
        deleted=one.deleted,
        stopped=one.ask.twist in STOPS,
        acked=one.ts in acked,
    )


def _id(name: str) -> str:
    return {"maya": "U01MAYACHEN", "jonas": "U02JONASWEB"}[name]


def _post(channel: str, message: Json) -> Post:
    return Post(
        channel=channel,
        root=str(message.get("thread_ts") or message["ts"]),
        ts=str(message["ts"]),
        ours=bool(message.get("bot_id")),
        markdown=markdown(message),
        shown=html.unescape(shown(message)),
        buttons=tuple(actions(message)),
        reactions=tuple(sorted(reactions(message))),
    )


def _called(model_url: str) -> Iterator[str]:
    """The key of every command for which the model called, once for each call."""
    for request in called(model_url):
        for arguments in request["calls"]:
            found = _COMMAND.search(arguments)
            if found:
                yield found[1]


def called(model_url: str) -> list[Json]:
    """The latest requests to the model: what it said, and for what it called."""
    with urllib.request.urlopen(f"{model_url}/__said?last=300", timeout=10) as answered:
        said: list[Json] = json.load(answered)
    return said
