"""From a seed to a round: nothing here looks at a clock or at anything outside."""

from random import Random

from tests.chaos.plan import Ask, Plan, Pressing, Shape, Strike, Twist
from tests.chaos.steps import SLACK, STORE, WIRE, Step

ROUNDS_A_WORLD = 8
"""Rounds with seeds that share a multiple of this run in one world, one after the other."""

TALK_S = 5.0
"""People say something within so many seconds; faults begin within them."""

KILLS = {"kill at slack": SLACK, "kill at wire": WIRE, "kill at store": STORE}
"""The kinds that kill the worker at a named step."""

_INSTEAD = {
    "kill at wire": "kill at store",
    "link cut": "kill at random",
    "link silent": "freeze",
    "link slow": "server killed",
}
"""Kinds that need our proxy before the App Server, and what happens where it cannot be."""

ONCE = (
    "kill at random",
    "kill everything",
    "kill the supervisor",
    "terminate",
    "freeze",
    "server killed",
    "link cut",
    "link silent",
    "link slow",
    "socket dropped",
    "socket deaf",
    "events twice",
    "events late",
    "acks lost",
    "429",
    "5xx",
    "5xx after the write",
    "slack slow",
    "answer lost",
    "call lost",
    "database locked",
)
_DECK = (*ONCE, *(kind for kind in KILLS for _ in range(3)))

_OFTEN = {"text": 25, "message": 3, "chat.update": 2, "noted": 2, "accepted": 3, "claimed": 2}
"""What happens several times in a round: not always the first time is meant."""

_METHODS = ("", "chat.postMessage", "chat.update", "reactions.add", "assistant.threads.setStatus")
_HOW = {
    "socket dropped": ("close", "abort", "refresh_requested", "warning", "one"),
    "socket deaf": ("all", "one"),
    "link cut": ("all", "one"),
    "5xx": ("500", "502", "503"),
    "5xx after the write": ("500", "503"),
}
_LASTS = {
    "freeze": (0.5, 4.0),
    "server killed": (0.0, 1.0),
    "link silent": (1.0, 4.0),
    "link slow": (1.0, 3.0),
    "socket deaf": (1.0, 4.0),
    "events late": (0.5, 3.0),
    "429": (1.0, 4.0),
    "slack slow": (0.5, 3.0),
    "database locked": (0.3, 4.0),
}


def plan(seed: int, *, strikes: int = 12) -> Plan:
    """The round of this seed, with so many faults prepared."""
    rng = Random(seed)
    managed = (seed // ROUNDS_A_WORLD) % 5 == 4
    asks = _asks(rng, seed)
    dealt = _dealt(seed, strikes)
    return Plan(
        seed=seed,
        managed=managed,
        asks=asks,
        strikes=tuple(
            _strike(rng, _INSTEAD.get(kind, kind) if managed else kind, turn)
            for kind, turn in dealt
        ),
    )


def _dealt(seed: int, strikes: int) -> list[tuple[str, int]]:
    """The kinds of one round, each with how often it was dealt before.

    All rounds deal from one deck, shuffled anew when it is used up, so that none is forgotten.
    """
    kinds = []
    for position in range(seed * strikes, (seed + 1) * strikes):
        shuffle, card = divmod(position, len(_DECK))
        deck = list(_DECK)
        Random(shuffle).shuffle(deck)
        kind = deck[card]
        kinds.append((kind, shuffle * deck.count(kind) + deck[:card].count(kind)))
    return kinds


def _strike(rng: Random, kind: str, turn: int) -> Strike:
    low, high = _LASTS.get(kind, (0.0, 0.0))
    step = _step(kind, turn)
    return Strike(
        kind=kind,
        at_s=round(rng.uniform(0.2, TALK_S * (0.4 if step else 1.0)), 2),
        step=step,
        nth=rng.randint(1, _OFTEN.get(step.what, 1) if step else 1),
        for_s=round(rng.uniform(low, high), 2),
        count=rng.randint(1, 3),
        method=rng.choice(_METHODS),
        how=rng.choice(_HOW.get(kind, ("",))),
    )


def _step(kind: str, turn: int) -> Step | None:
    """The steps take turns, so that each is reached in a campaign."""
    steps = KILLS.get(kind)
    return steps[turn % len(steps)] if steps else None


# --- what people say -----------------------------------------------------------------------


def _asks(rng: Random, seed: int) -> tuple[Ask, ...]:
    asks = []
    for number in range(rng.randint(3, 4)):
        root = _ask(rng, key=f"k{seed}x{number}", after=None, command=number == 0)
        asks.append(root)
        if rng.random() < 0.6:
            asks.append(_ask(rng, key=f"k{seed}x{number}f", after=root, command=False))
    return tuple(asks)


def _ask(rng: Random, *, key: str, after: Ask | None, command: bool) -> Ask:
    shape = rng.choices(list(Shape), weights=(3, 4, 2, 3))[0]
    if command:  # every round has a question to decide
        shape = Shape.COMMAND
    place = after.place if after else rng.choice(("#general", "#engineering", "#partners", "dm"))
    # What is said in a thread meets her at work, and so waits.
    at_s = after.at_s + rng.uniform(0.2, 2.0) if after else rng.uniform(0.0, TALK_S * 0.6)
    return Ask(
        key=key,
        at_s=round(at_s, 2),
        who=after.who if after and place == "dm" else rng.choice(("maya", "jonas")),
        place=place,
        after=after.key if after else None,
        teammate=rng.choice(("ada", "ada", "grace")),
        shape=shape,
        words=12 if shape is Shape.SHORT else rng.randint(20, 60),
        rate=rng.choice((15, 25, 40)),
        pressing=rng.choice(list(Pressing)),
        twist=_twist(rng, shape, after),
        twist_after_s=round(rng.uniform(0.1, 1.5), 2),
    )


def _twist(rng: Random, shape: Shape, after: Ask | None) -> Twist:
    if shape is Shape.LONG and after is None and rng.random() < 0.3:
        return rng.choice((Twist.STOP_BUTTON, Twist.STOP_WORD, Twist.STOP_SIGN))
    if after is not None and rng.random() < 0.3:
        return rng.choice((Twist.EDIT, Twist.DELETE))
    return Twist.NONE
