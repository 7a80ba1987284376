from slack_sdk.web.async_client import AsyncWebClient

from bridge.playground import Playground
from tests.playground.conftest import App
from tests.support import eventually


async def test_a_mention_travels_to_the_app_and_its_reply_back(
    playground: Playground, client: AsyncWebClient, app: App
) -> None:
    ts = playground.post("maya", "#engineering", "<@U01LETTABOT> hello & <b>")
    mention = (await eventually(lambda: app.events("app_mention")))[0]
    assert mention["text"] == "<@U01LETTABOT> hello &amp; &lt;b&gt;"
    assert (await eventually(lambda: app.events("message")))[0]["ts"] == ts
    answer = await client.chat_postMessage(channel=mention["channel"], thread_ts=ts, text="hi")
    assert [m["text"] for m in playground.messages("#engineering", ts)][1:] == ["hi"]
    assert answer["message"]["thread_ts"] == ts
