"""Whatever it is asked, the Web API answers: `ok` or one of Slack's words, never a crash."""

import re
from dataclasses import replace
from pathlib import Path
from typing import Any

import aiohttp
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

import slack_playground
from slack_playground import Playground
from slack_playground.api import METHODS
from slack_playground.block_fields import BLOCK_FIELDS, ELEMENT_FIELDS
from tests.playground.conftest import QUICK, Start

SOURCES = Path(slack_playground.__file__).parent.glob("*.py")
READ = re.compile(r'args\.(?:text|flag|number|objects|mapping|names|has)\("(\w+)"')
NAMES = sorted({name for path in SOURCES for name in READ.findall(path.read_text())})
SCOPES = tuple(sorted({scope for method in METHODS.values() for scope in method.scopes}))
KINDS = sorted({*BLOCK_FIELDS, *ELEMENT_FIELDS, "plain_text", "mrkdwn", "task_update", "blocks"})
FIELDS = sorted({f for known in BLOCK_FIELDS.values() if known for f in known} | {"value", "id"})

words = st.sampled_from(["C01GENERAL1", "#general", "U01MAYACHEN", "U01LETTABOT", "S01PLATFORM"])
leaves = st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=9) | words
shapes = st.recursive(
    leaves,
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(st.sampled_from(FIELDS), inner, max_size=4)
        | st.builds(
            lambda kind, rest: {**rest, "type": kind},
            st.sampled_from(KINDS),
            st.dictionaries(st.sampled_from(FIELDS), inner, max_size=4),
        )
    ),
    max_leaves=10,
)
calls = st.tuples(
    st.sampled_from(sorted(METHODS.keys() - {"api.test"})),  # which fails in any words asked for
    st.dictionaries(st.sampled_from(NAMES), shapes, max_size=6),
)


@pytest.fixture
async def place(start: Start) -> Playground:
    return await start(replace(QUICK, scopes=SCOPES))


@settings(
    max_examples=300, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(calls)
async def test_every_call_is_answered(
    place: Playground, http: aiohttp.ClientSession, call: tuple[str, dict[str, Any]]
) -> None:
    method, arguments = call
    ts = place.post("maya", "#general", "hello")
    given_ts = {name: ts for name in ("ts", "thread_ts", "timestamp") if name not in arguments}
    token = place.app_token if METHODS[method].token == "app" else place.bot_token
    async with http.post(
        place.api_url + method,
        json={"channel": "C01GENERAL1", **given_ts, **arguments},
        headers={"Authorization": f"Bearer {token}"},
    ) as response:
        assert response.status == 200, await response.text()
        answer = await response.json()
    assert answer["ok"] or re.fullmatch(r"[a-z_]+", answer["error"])
