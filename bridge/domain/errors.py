"""Errors: the one exception tree.

    BridgeError
    ├── ConfigurationError       the operator must change something before a start
    ├── StoreError
    │   ├── SchemaTooNew         the database was written by a newer program
    │   └── StoreUnavailable     locked, full or read-only; try again
    ├── AgentError               the App Server's side
    │   ├── AgentUnreachable     no connection, or no answer in time; try again
    │   ├── AgentTooOld          a generation of the server that is not supported
    │   ├── RuntimeGone          the agent or the conversation does not exist any more
    │   └── CommandRefused       the server said no, with a reason
    ├── ChatError                Slack's side
    │   ├── ChatUnreachable      no answer, 5xx or time-out; unclear whether it happened
    │   └── ChatRefused          Slack said no, with its error code
    └── IllegalTransition        an event that the turn's table does not know

`sentence` is for people and says what to do; the cause chained with `from` is for the log.
"""


class BridgeError(Exception):
    """Root of the tree. `str(error)` is a sentence that people can act on."""

    @property
    def sentence(self) -> str:
        """What to tell people."""
        return str(self)


class ConfigurationError(BridgeError):
    """The operator must change a setting, a file or a token before the program can start."""


class StoreError(BridgeError):
    """The database could not do what was asked."""


class SchemaTooNew(StoreError):
    """The database was written by a newer version of the program."""


class StoreUnavailable(StoreError):
    """The database is locked, full or read-only; nothing was written."""


class AgentError(BridgeError):
    """The App Server's side failed."""


class AgentUnreachable(AgentError):
    """There is no connection, or no answer came in time. It may be tried again."""


class AgentTooOld(AgentError):
    """The App Server is of a generation that is not supported."""


class RuntimeGone(AgentError):
    """The agent or the conversation does not exist on the server any more.

    Args:
        what: `agent` or `conversation`.
        ident: the id that was not found.
    """

    def __init__(self, what: str, ident: str) -> None:
        super().__init__(f"The {what} {ident} no longer exists on the App Server.")
        self.what = what
        self.ident = ident


class CommandRefused(AgentError):
    """The server answered a command with a refusal.

    Args:
        command: the command's type on the wire.
        reason: the server's own words; for the log and for `failures.explain`.
    """

    def __init__(self, command: str, reason: str) -> None:
        super().__init__(f"The App Server refused {command}: {reason}")
        self.command = command
        self.reason = reason


class ChatError(BridgeError):
    """Slack's side failed."""


class ChatUnreachable(ChatError):
    """No clear answer came from Slack: whether the call took effect is not known."""


class ChatRefused(ChatError):
    """Slack answered with an error code, such as `channel_not_found`.

    Args:
        method: the Web API method.
        code: Slack's error word.
    """

    def __init__(self, method: str, code: str) -> None:
        super().__init__(f"Slack refused {method}: {code}")
        self.method = method
        self.code = code


class IllegalTransition(BridgeError):
    """An event met a turn in a phase in which it cannot happen.

    Args:
        phase: the turn's phase.
        event: the event's class name.
    """

    def __init__(self, phase: str, event: str) -> None:
        super().__init__(f"A turn that is {phase} cannot take {event}.")
        self.phase = phase
        self.event = event
