"""Traps 26 and 27: product and playground share nothing, and stay apart."""

import ast
from collections.abc import Iterator
from pathlib import Path

PACKAGE = Path(__file__).parents[2] / "bridge"
PLAYGROUND = Path(__file__).parents[2] / "slack_playground"


def imports(path: Path) -> Iterator[str]:
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module:
            yield node.module


def test_the_playground_imports_nothing_of_the_product() -> None:
    used = {name for path in PLAYGROUND.glob("*.py") for name in imports(path)}
    assert not any(name.startswith("bridge") for name in used)
    assert not any(name.startswith(("slack_sdk", "slack_bolt")) for name in used)


def test_the_product_neither_imports_nor_calls_the_playground() -> None:
    floors = ("slack", "engine", "appserver", "store", "render", "domain")
    for floor in floors:
        for path in (PACKAGE / floor).rglob("*.py"):
            text = path.read_text()
            assert "slack_playground" not in text, path
            assert "/playground/" not in text, path
