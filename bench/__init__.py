"""The benchmarks: real processes, real sockets, and a floor measured in the same run.

`python -m bench` runs all of them, `python -m bench ack input` some. What each line means and
where its goal comes from stands in `docs/performance.md`.
"""
