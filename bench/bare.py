"""The floor of the frame path: receive and `json.loads`, nothing else. A program of its own."""

import asyncio
import json
import os

from websockets.asyncio.client import connect

READY = "bare is ready"
DONE = "bare has heard all"


async def main() -> None:
    """Begin as many turns as told, then only listen, until the process is ended."""
    url, turns = os.environ["BARE_SERVER_URL"], int(os.environ["BARE_TURNS"])
    async with connect(url, compression=None, max_size=None, max_queue=None) as server:
        for number in range(turns):
            runtime = {"agent_id": "a", "conversation_id": f"bare-{number}"}
            words = [{"role": "user", "content": "hi", "client_message_id": f"m-{number}"}]
            payload = {"kind": "create_message", "messages": words}
            await server.send(json.dumps({"type": "input", "runtime": runtime, "payload": payload}))
        print(READY, flush=True)
        heard, last = 0, int(os.environ["BARE_FRAMES"])
        async for message in server:
            json.loads(message)
            heard += 1
            if heard == last:
                print(DONE, flush=True)


if __name__ == "__main__":
    asyncio.run(main())
