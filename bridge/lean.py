"""structlog without rich, which it loads for tracebacks that we do not print.

That saves each process some four megabytes and a twentieth of a second at its start.
"""

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from types import ModuleType
from typing import cast


@contextmanager
def _absent(name: str) -> Iterator[None]:
    """While this is open, importing the module fails as if it were not installed."""
    modules = cast("dict[str, ModuleType | None]", sys.modules)
    if name in modules:
        yield  # somebody has loaded it: nothing is to be saved
        return
    modules[name] = None
    try:
        yield
    finally:
        del modules[name]


with _absent("rich"):
    import structlog

__all__ = ["structlog"]
