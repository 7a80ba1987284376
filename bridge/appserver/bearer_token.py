"""Bearer token for a remote App Server, read from a file."""

from collections.abc import Callable

from bridge.telemetry import get_logger

log = get_logger("appserver.bearer_token")


def token_from_file(path: str) -> Callable[[], str | None]:
    """A reader of a bearer token: the file's content, trimmed (PROTOCOL §2).

    A file that is missing, empty or no text gives None: the server then says that it wants a
    login.
    """

    def read() -> str | None:
        try:
            with open(path, encoding="utf-8") as file:
                return file.read().strip() or None
        except (OSError, UnicodeDecodeError) as error:
            log.warning("token file cannot be read", path=path, cause=str(error))
            return None

    return read
