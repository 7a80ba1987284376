"""The words every module of the playground uses: JSON objects, API errors, ids and timestamps."""

import secrets
from datetime import UTC, datetime
from typing import Any

Json = dict[str, Any]

ID_LETTERS = "ABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789"


class ApiError(Exception):
    """A business error: HTTP 200 with `ok: false` and Slack's word for it.

    `details` are Slack's explanatory sentences (`response_metadata.messages`); `extra` is
    merged into the answer, for example `needed` and `provided`.
    """

    def __init__(self, error: str, *, details: list[str] | None = None, **extra: Any) -> None:
        super().__init__(error)
        self.error = error
        self.details = details or []
        self.extra = extra

    def body(self) -> Json:
        """The answer's JSON object."""
        body: Json = {"ok": False, "error": self.error, **self.extra}
        if self.details:
            body["response_metadata"] = {"messages": self.details}
        return body


def new_id(prefix: str) -> str:
    """A fresh id in Slack's form, such as `F0K2J8A9QXZ`."""
    return prefix + "0" + "".join(secrets.choice(ID_LETTERS) for _ in range(9))


def epoch_s() -> int:
    """Now, in whole seconds since 1970."""
    return int(datetime.now(UTC).timestamp())


def epoch_ms() -> int:
    """Now, in milliseconds since 1970."""
    return int(datetime.now(UTC).timestamp() * 1000)


class TsClock:
    """Message timestamps: unique, strictly rising, six decimals."""

    def __init__(self) -> None:
        self._last_us = 0

    def next(self) -> str:
        """The next timestamp: now, or a microsecond after the last one given."""
        now_us = int(datetime.now(UTC).timestamp() * 1_000_000)
        self._last_us = max(now_us, self._last_us + 1)
        return f"{self._last_us // 1_000_000}.{self._last_us % 1_000_000:06d}"

    def after(self, ts: str) -> None:
        """Give only timestamps later than `ts` from now on."""
        seconds, _, micros = ts.partition(".")
        self._last_us = max(self._last_us, int(seconds) * 1_000_000 + int(micros or 0))


def plain(message: Json) -> Json:
    """A copy of a stored message without its metadata, which only some callers may see."""
    return {key: value for key, value in message.items() if key != "metadata"}
