"""The bridge's worker in quick time, with somebody inside who counts. A program of its own.

A line of JSON on standard output at each SIGUSR1; SIGTERM stops it in order.
"""

import asyncio
import gc
import json
import os
import signal
from collections import Counter
from pathlib import Path

import psutil

from bench.quick_time import QuickClock, QuickLoop, SharedTime
from bridge import worker_main
from bridge.settings import load
from bridge.telemetry import Tasks, configure_logging

REPORT = "report "


async def main(shared: SharedTime) -> None:
    """Run until told to stop."""
    stop, tasks = asyncio.Event(), Tasks()
    loop = asyncio.get_running_loop()
    loop.add_signal_handler(signal.SIGTERM, stop.set)
    loop.add_signal_handler(signal.SIGUSR1, _report)
    tasks.spawn(_see(shared), name="time passes")
    await worker_main.run(load(None, environ=os.environ), stop=stop, clock=QuickClock(shared))
    await tasks.aclose()


async def _see(shared: SharedTime) -> None:
    while True:
        shared.see()
        await asyncio.sleep(0.001)


def _report() -> None:
    gc.collect()
    things = gc.get_objects()
    names = (f"{kind.__module__}.{kind.__name__}" for kind in map(type, things))
    ours = Counter(name for name in names if name.startswith("bridge."))
    process = psutil.Process()
    found = {
        "rss_mb": process.memory_info().rss / 1e6,
        "files": process.num_fds(),
        "threads": process.num_threads(),
        "tasks": sorted(task.get_name() for task in asyncio.all_tasks()),
        "objects": len(things),
        "ours": dict(ours.most_common(40)),
    }
    print(REPORT + json.dumps(found), flush=True)


if __name__ == "__main__":
    configure_logging(level="WARNING")
    time_file = SharedTime(Path(os.environ["QUICK_TIME"]))
    with asyncio.Runner(loop_factory=lambda: QuickLoop(time_file)) as runner:
        runner.run(main(time_file))
