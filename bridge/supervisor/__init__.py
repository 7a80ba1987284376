"""Supervisor process: restarts the worker and keeps its turns alive (`letta-bridge run`).

The App Server cancels a turn when its last subscriber leaves, and leaves a conversation stuck that
was streaming then (PROTOCOL §15). So the supervisor starts the worker, which does everything else,
and starts it again when it dies; meanwhile a second subscription keeps the turns alive.

`supervisor` the process's loop · `child_process` one life of a worker process · `ipc` JSON lines
between the two · `subscription` the second connection · `turn_endings` (pure) which runtimes are
held, and how their turns ended.

It imports nothing of the product but `appserver.transport`, `retry` and `telemetry`, so it seldom
changes.
"""
