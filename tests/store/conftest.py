import asyncio
import shutil
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from bridge.store import Store
from tests.store.world import World, url


@pytest.fixture(scope="session")
def empty_database(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A migrated file without rows, to be copied: migrating once saves most of the time."""

    async def make(path: Path) -> None:
        store = await Store.open(url(path))
        await store.close()

    path = tmp_path_factory.mktemp("template") / "empty.db"
    asyncio.run(make(path))
    return path


@pytest.fixture
def file(empty_database: Path, tmp_path: Path) -> Path:
    return Path(shutil.copy(empty_database, tmp_path / "bridge.db"))


@pytest.fixture
async def store(file: Path) -> AsyncIterator[Store]:
    opened = await Store.open(url(file), busy_timeout_s=5)
    yield opened
    await opened.close()


@pytest.fixture
def world(store: Store) -> World:
    return World(store)
