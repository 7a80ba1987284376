"""Runs Alembic on a connection of ours, without its command line, files or logging setup."""

from pathlib import Path

from alembic import command
from alembic.config import Config
from sqlalchemy.engine import Connection

HERE = Path(__file__).parent


def config(connection: Connection | None = None) -> Config:
    """Alembic's settings; `connection` is the one to migrate, if any."""
    made = Config()
    made.set_main_option("script_location", str(HERE).replace("%", "%%"))
    made.set_main_option("path_separator", "os")
    made.attributes["connection"] = connection
    return made


def upgrade(connection: Connection) -> None:
    """Apply what is missing, inside the transaction that `connection` is in."""
    command.upgrade(config(connection), "head")
