"""Rounds one after the other, some in the same world, until enough has been broken."""

import asyncio
import dataclasses
import json
import shutil
import sqlite3
import subprocess
import sys
import tempfile
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager, closing
from pathlib import Path

from tests.appserver_fixtures import RealServer, end, free_port, wait_for_http
from tests.chaos.evidence import called
from tests.chaos.plan import Plan
from tests.chaos.round import Outcome, play
from tests.chaos.schedule import ROUNDS_A_WORLD, plan
from tests.chaos.stage import Stage

MODEL = Path(__file__).parent.parent / "scripted_model.py"


@asynccontextmanager
async def scripted_model() -> AsyncIterator[str]:
    """The model's address, without `/v1`."""
    port = free_port()
    process = _start_model(port)
    try:
        await asyncio.to_thread(wait_for_http, f"http://127.0.0.1:{port}/v1/models", process)
        yield f"http://127.0.0.1:{port}"
    finally:
        end(process)


def _start_model(port: int) -> subprocess.Popen[bytes]:
    return subprocess.Popen(
        [sys.executable, str(MODEL), "--port", str(port), "--keep", "5"],
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        start_new_session=True,
    )


@asynccontextmanager
async def world(folder: Path, *, model_url: str, managed: bool) -> AsyncIterator[Stage]:
    """A stage that is ready."""
    server = None if managed else _server(folder / "server", model_url)
    if server is not None:
        await asyncio.to_thread(server.start)
    stage = Stage(folder / "bridge", model_url=model_url, server=server)
    try:
        await stage.start()
        yield stage
    finally:
        await stage.end()
        if server is not None:
            await asyncio.to_thread(server.stop)


def _server(folder: Path, model_url: str) -> RealServer:
    home, cwd = folder / "home", folder / "cwd"
    home.mkdir(parents=True)
    cwd.mkdir()
    return RealServer(home, cwd, f"{model_url}/v1")


async def run(
    seeds: Sequence[int],
    *,
    strikes: int,
    enough: Callable[[Sequence[Outcome]], bool],
    keep: Path,
    tell: Callable[[Outcome], None],
) -> list[Outcome]:
    """Play the seeds' rounds until there are `enough`; each outcome is told at once.

    `keep` gets a folder of evidence for every round with a finding. After such a round a new
    world begins, so that what is broken there does not count again.
    """
    outcomes: list[Outcome] = []
    waiting = [plan(seed, strikes=strikes) for seed in seeds]
    async with scripted_model() as model_url:
        while waiting and not enough(outcomes):
            with tempfile.TemporaryDirectory(prefix="chaos-", ignore_cleanup_errors=True) as name:
                folder = Path(name)
                first = waiting[0]
                async with world(folder, model_url=model_url, managed=first.managed) as stage:
                    while waiting and _shares_world(first, waiting[0]) and not enough(outcomes):
                        outcome = await play(stage, waiting.pop(0))
                        outcomes.append(outcome)
                        tell(outcome)
                        if outcome.findings:
                            await asyncio.to_thread(_keep, keep, stage, outcome)
                            break
    return outcomes


def _shares_world(one: Plan, other: Plan) -> bool:
    return one.seed // ROUNDS_A_WORLD == other.seed // ROUNDS_A_WORLD


def _keep(keep: Path, stage: Stage, outcome: Outcome) -> None:
    """Put aside all that helps to understand a finding."""
    folder = keep / f"seed-{outcome.plan.seed}"
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    shutil.copy(stage.bridge.log, folder / "bridge.log")
    findings = "\n".join(f"{one.key} {one.verdict}: {one.why}" for one in outcome.findings)
    struck = "\n".join(str(strike) for strike in outcome.struck)
    asks = "\n".join(str(ask) for ask in outcome.plan.asks)
    ends = f"The bridge's main process ended with: {stage.exits}"
    text = "\n\n".join((findings, struck, asks, ends))
    (folder / "round.txt").write_text(f"{text}\n", encoding="utf-8")
    seen = dataclasses.asdict(outcome.evidence)
    seen["statuses"] = {" ".join(place): text for place, text in seen["statuses"].items()}
    (folder / "evidence.json").write_text(json.dumps(seen, indent=1), encoding="utf-8")
    (folder / "slack.json").write_text(json.dumps(stage.place.entries(), indent=1))
    (folder / "model.json").write_text(json.dumps(called(stage.model_url), indent=1))
    with (
        closing(sqlite3.connect(stage.database)) as database,
        closing(sqlite3.connect(folder / "bridge.db")) as copy,
    ):
        database.backup(copy)
