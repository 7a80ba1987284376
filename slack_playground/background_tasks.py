"""Background tasks with a strong reference, so that none is collected while it runs."""

import asyncio
import logging
from collections.abc import Coroutine
from typing import Any

_log = logging.getLogger("slack_playground")


class BackgroundTasks:
    """Tasks of one playground. A failed one is logged with its traceback."""

    def __init__(self) -> None:
        self._running: set[asyncio.Task[Any]] = set()

    def spawn(self, work: Coroutine[Any, Any, Any], *, name: str) -> asyncio.Task[Any]:
        """Start `work` on the running loop."""
        task = asyncio.get_running_loop().create_task(work, name=name)
        self._running.add(task)
        task.add_done_callback(self._ended)
        return task

    def _ended(self, task: asyncio.Task[Any]) -> None:
        self._running.discard(task)
        if not task.cancelled() and (failure := task.exception()) is not None:
            _log.error("%s failed", task.get_name(), exc_info=failure)

    async def aclose(self) -> None:
        """Cancel every running task and wait until all have ended. May be called twice."""
        running = [task for task in self._running if task is not asyncio.current_task()]
        for task in running:
            task.cancel()
        await asyncio.gather(*running, return_exceptions=True)
