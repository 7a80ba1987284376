"""What the ports promise to those who implement and those who call them."""

import inspect

import pytest

from bridge.domain import ports

PROTOCOLS = [ports.AgentListener, ports.AgentPort, ports.Reply, ports.ChatPort, ports.Clock]


def waited_for(port: type) -> set[str]:
    return {name for name, member in vars(port).items() if inspect.iscoroutinefunction(member)}


@pytest.mark.parametrize("port", PROTOCOLS, ids=lambda port: port.__name__)
def test_every_promise_is_written_down(port: type) -> None:
    promises = {n: m for n, m in vars(port).items() if n[0] != "_" and hasattr(m, "__doc__")}
    assert promises
    assert all(inspect.getdoc(member) for member in promises.values())


def test_progress_is_shown_without_waiting_and_listeners_return_at_once() -> None:
    assert waited_for(ports.Reply) == {"seal", "conclude", "deliver"}
    assert waited_for(ports.AgentListener) == waited_for(ports.Clock) == set()
