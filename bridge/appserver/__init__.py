"""The App Server's door: wire models, the session's rules, the socket, the typed client.

Pure: `wire`, `deltas`, `events`, `responses`, `commands`, `frames`, `versions`, `protocol`,
`legacy`, `runtimes`, `translate`, `history`, `backoff`. The rest does I/O.
"""
