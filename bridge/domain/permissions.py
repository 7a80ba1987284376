"""Who may give work to agents, and who may stop it."""

from dataclasses import dataclass

from bridge.domain.ids import UserId
from bridge.domain.messages import Person


@dataclass(frozen=True, slots=True)
class PeoplePolicy:
    """`allowed` empty means every full member of the workspace; outsiders are guests, people
    of other organisations and everyone else who is not a full member.
    """

    allowed: frozenset[UserId] = frozenset()
    allow_outsiders: bool = False


def may_ask(person: Person, policy: PeoplePolicy) -> bool:
    """Whether this person's messages become turns. Bots never do: that is how loops begin."""
    if person.is_bot:
        return False
    if policy.allowed:
        return person.user in policy.allowed
    return person.trusted or policy.allow_outsiders


def may_stop(person: Person, policy: PeoplePolicy) -> bool:
    """Whether this person may stop turns: whoever may start one may stop any."""
    return may_ask(person, policy)


NOT_ALLOWED = (
    "Agents here take work only from full members of this workspace. "
    "Ask a colleague who is one, or ask the operator to let you in."
)
"""The private note for somebody whose message becomes no turn."""
