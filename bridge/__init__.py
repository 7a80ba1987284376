"""letta-slack-bridge: people in Slack work with Letta agents as with colleagues."""

__version__ = "0.1.0"
