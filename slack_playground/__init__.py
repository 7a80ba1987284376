"""A Slack workspace on loopback: people, a web page and Slack's own words and limits.

The product reaches it only through a base URL and tokens. It shares no code
with the product: a wrong limit would otherwise be wrong twice and look right.
"""

from slack_playground.options import PlaygroundOptions
from slack_playground.playground import Playground

__all__ = ["Playground", "PlaygroundOptions"]
