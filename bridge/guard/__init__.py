"""The small process that outlives the worker (`letta-bridge run` is it).

The App Server cancels a turn when its last subscriber leaves, and leaves a conversation stuck that
was streaming then (PROTOCOL §15). So the guard starts the worker, which does everything else, and
starts it again when it dies; meanwhile a second subscription keeps the turns alive.

`guard` what happens when · `worker` one life of a worker process · `pipe` JSON lines between the
two · `subscription` the second connection · `memory` (pure) what is held and how turns ended.

It imports nothing of the house but `appserver.transport` and `telemetry`, so it seldom changes.
"""
