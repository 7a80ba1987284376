"""`letta-bridge init`: the first `bridge.toml`, and the link that creates the Slack app."""

from pathlib import Path

from bridge.commands.app_manifest import creation_link
from bridge.domain.errors import ConfigurationError

TEMPLATE = """\
# letta-slack-bridge. Every key is described in docs/configuration.md; each may also be given as an
# environment variable BRIDGE_SECTION__KEY. Secrets are never written here: set SLACK_BOT_TOKEN
# and SLACK_APP_TOKEN in the environment.

[appserver]
# The bridge starts a Letta App Server of its own. It finds your model provider's key in the
# environment (ANTHROPIC_API_KEY, OPENAI_API_KEY, OPENROUTER_API_KEY, …). To use a server that
# runs already instead, replace these lines by: url = "ws://127.0.0.1:4500/ws"
state_dir = "appserver"         # its own home: agents, conversations, memory
# cwd = "/srv"                  # where teammates work without a cwd; none: a directory of its own

[database]
url = "sqlite+aiosqlite:///bridge.db"

[approvals]
# People who may decide about the agents' actions, besides the one who asked.
approvers = []

[[teammates]]
name = "ada"
role = "backend engineer"
model = "anthropic/claude-sonnet-4-5"
# cwd = "/srv/api"            # where the agent works; none: the App Server's directory
permission_mode = "standard"  # standard | acceptEdits | unrestricted | strict
# channels = ["C0123ABCD"]    # channels in which it answers when nobody is named
"""

STEPS = """\
{path} is written. Next:

1. Create the Slack app (the link fills in everything; choose your workspace, then Create):
   {link}
2. On its page, under Basic Information > App-Level Tokens, generate a token with the scope
   connections:write. Under Install App, install it to the workspace.
3. Put both tokens, and your model provider's key, into the environment:
   export SLACK_APP_TOKEN=xapp-…  SLACK_BOT_TOKEN=xoxb-…  ANTHROPIC_API_KEY=…
4. Look through {path}, then let the bridge check it all:  letta-bridge doctor
5. Start:  letta-bridge run   In Slack: /invite @letta, then  @letta hello
"""


def write(path: Path) -> str:
    """Write a first configuration to `path` and return what to do next.

    Raises:
        ConfigurationError: the file exists, or cannot be written.
    """
    try:
        with path.open("x", encoding="utf-8") as file:
            file.write(TEMPLATE)
    except FileExistsError:
        raise ConfigurationError(
            f"{path} exists and is left as it is; give another path with --config."
        ) from None
    except OSError as error:
        raise ConfigurationError(f"{path} cannot be written: {error.strerror}.") from error
    return STEPS.format(path=path, link=creation_link())
