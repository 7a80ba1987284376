"""Base of all wire models: unknown fields are tolerated, never an error.

Models name only the fields that the bridge reads; the whole frame, with everything else in it,
is kept in the event log (guarantee G8).
"""

from pydantic import BaseModel, ConfigDict

from bridge.domain.ids import AgentId, ConversationId, Runtime


class Wire(BaseModel):
    """Base of everything read from the wire. Immutable; unknown fields are left out."""

    # Built at first use: a worker that is started again should be at work soon.
    model_config = ConfigDict(
        extra="ignore", frozen=True, protected_namespaces=(), defer_build=True
    )


class RuntimeRef(Wire):
    """`{agent_id, conversation_id}` as the server writes it."""

    agent_id: AgentId
    conversation_id: ConversationId

    def to_domain(self) -> Runtime:
        """The same pair for the rest of the program."""
        return Runtime(self.agent_id, self.conversation_id)


class ContentPart(Wire):
    """A part of a message's content. Parts that are not text have an empty `text`."""

    type: str = ""
    text: str = ""


def text_of(content: list[ContentPart] | str) -> str:
    """All text of a message's content, whether it is a string or parts."""
    if isinstance(content, str):
        return content
    if len(content) == 1:
        return content[0].text
    return "".join(part.text for part in content)
