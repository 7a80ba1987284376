"""A Slack workspace on loopback: people, a web page and Slack's own words and limits.

The product reaches it only through a base URL and tokens. Nothing here is shared with the
product but `bridge.telemetry`: a wrong limit would otherwise be wrong twice and look right.
"""

from bridge.playground.options import PlaygroundOptions
from bridge.playground.playground import Playground

__all__ = ["Playground", "PlaygroundOptions"]
