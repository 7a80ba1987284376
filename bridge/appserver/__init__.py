"""App Server client: wire models, session, socket, typed calls.

Pure: `wire`, `deltas`, `events`, `responses`, `commands`, `frames`, `versions`, `protocol`,
`legacy`, `runtimes`, `translate`, `history`, `backoff`. The rest does I/O.
"""
