"""App Server client: wire models, session, socket, typed calls.

Pure: `wire_base`, `deltas`, `events`, `responses`, `commands`, `frames`, `versions`, `protocol`,
`legacy`, `started_runtimes`, `translate`. The rest does I/O.
"""
