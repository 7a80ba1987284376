"""Child process `letta server`: found, started, watched, restarted, stopped.

The server gets a process group of its own, which is ended as a whole: it starts tools. It leaves
by itself when its parent is gone (PROTOCOL §2), so it does not outlive a killed bridge.
"""

import asyncio
import contextlib
import io
import json
import os
import random
import secrets
import shutil
import signal
import socket
import sys
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from bridge.domain.errors import ConfigurationError
from bridge.retry import Backoff, RetryPolicy
from bridge.telemetry import Tasks, bounded, get_logger, redact

log = get_logger("appserver.process")

_HOST = "127.0.0.1"
_WORKED_S = 30.0
"""A server that lived this long had really worked; the next restart is quick again."""


@dataclass(frozen=True, slots=True)
class ModelEndpoint:
    """An OpenAI-compatible model that is made known to the server before it starts.

    `api_key` is None for a model that asks for none.
    """

    base_url: str
    api_key: str | None = field(repr=False, default=None)


@dataclass(frozen=True, slots=True)
class ProcessOptions:
    """How to run the server. All `_s` are seconds.

    `home` is its own HOME, where all its state is kept. `cwd` is where agents work that have no
    directory of their own; both are created when missing. `port` 0 takes a free one, once.
    `environment` is what the server inherits (PATH, provider keys); given by the composition root.
    """

    home: Path
    cwd: Path
    environment: Mapping[str, str] = field(repr=False)
    port: int = 0
    model: ModelEndpoint | None = None
    executable: str | None = None
    ready_within_s: float = 60.0
    stop_within_s: float = 5.0


BESIDE_PYTHON = Path(sys.executable).parent


def find_letta(environment: Mapping[str, str], *, beside: Path = BESIDE_PYTHON) -> str:
    """Where the `letta` program is: in the directory of this Python, else on the PATH.

    Raises `ConfigurationError` when it is not installed.
    """
    program = beside / "letta"
    found = (
        str(program) if program.exists() else shutil.which("letta", path=environment.get("PATH"))
    )
    if found is None:
        raise ConfigurationError(
            "The agent server (`letta`) is not installed. Install it with "
            "`pip install 'letta-slack-bridge[appserver]'`, or set appserver.url to a running one."
        )
    return found


def free_port(wanted: int = 0) -> int:
    """A port on loopback that can be listened on; `wanted` itself unless that is 0.

    Raises `ConfigurationError` when the wanted port is in use.
    """
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((_HOST, wanted))
        except OSError as error:
            raise ConfigurationError(
                f"Port {wanted} for the agent server is in use. Stop the other program, or "
                "choose another port."
            ) from error
        port: int = probe.getsockname()[1]
        return port


class AppServerProcess:
    """One supervised server, from `start` to `aclose`.

    Args:
        options: how to run it.
        chance: numbers from 0 to 1 for the jitter of restarts.
    """

    def __init__(
        self, options: ProcessOptions, *, chance: Callable[[], float] = random.random
    ) -> None:
        self._options = options
        self._letta = options.executable or find_letta(options.environment)
        self._port = free_port(options.port)
        self.token = secrets.token_urlsafe(32)
        """The bearer token that the server asks for; the same after restarts."""
        self._backoff = Backoff(RetryPolicy(), chance=chance)
        self._tasks = Tasks()
        self._supervision = Tasks()
        self._child: asyncio.subprocess.Process | None = None
        self._output: asyncio.Task[None] | None = None
        self._last_words = ""

    @property
    def url(self) -> str:
        """Where the server listens; the same after restarts."""
        return f"ws://{_HOST}:{self._port}"

    @property
    def pid(self) -> int | None:
        """The process that we started; None while there is none."""
        return self._child.pid if self._child is not None else None

    async def start(self) -> None:
        """Start the server and wait until it is ready; from then on it is kept running.

        Raises `ConfigurationError` when it cannot start, with its own last words.
        """
        for folder in (self._options.home, self._options.cwd):
            await asyncio.to_thread(folder.mkdir, parents=True, exist_ok=True)
        if await asyncio.to_thread(end_leftover, self._note):
            log.warning("a server of an earlier supervisor was still there; it was ended")
        if self._options.model is not None:
            await self._connect_model(self._options.model)
        child = await self._spawn()
        try:
            await self._until_ready(child)
        except BaseException:
            await self._stop(child)
            raise
        self._supervision.spawn(self._supervise(child), name="letta server supervision")

    async def aclose(self) -> None:
        """Stop the server and everything that it started. May be called twice."""
        await self._supervision.aclose()
        if self._child is not None:
            await self._stop(self._child)
        await self._tasks.aclose()

    # --- one life ----------------------------------------------------------------------------

    async def _connect_model(self, model: ModelEndpoint) -> None:
        placeholder = f"placeholder-{secrets.token_hex(8)}"
        child = await self._run(
            *("--backend", "local", "connect", "openai-compatible"),
            *("--base-url", model.base_url, "--api-key", placeholder),
        )
        try:
            await asyncio.wait_for(child.wait(), self._options.ready_within_s)
        except TimeoutError as error:
            raise ConfigurationError("Connecting the model took too long.") from error
        finally:
            await self._stop(child)
        if child.returncode != 0:
            words = await self._heard_out()
            raise ConfigurationError(f"The model could not be connected: {words}")
        if model.api_key is not None:
            await asyncio.to_thread(
                put_key,
                model.api_key,
                instead_of=placeholder,
                home=self._options.home,
                environment=self._options.environment,
            )

    async def _spawn(self) -> asyncio.subprocess.Process:
        await asyncio.to_thread(self._write_token)
        child = await self._run(
            *("--backend", "local", "server", "--listen", self.url),
            *("--ws-auth", "capability-token", "--ws-token-file", str(self._token_file)),
        )
        await asyncio.to_thread(leave_note, self._note, child.pid)
        return child

    @property
    def _note(self) -> Path:
        return self._options.home / "bridge-server"

    @property
    def _token_file(self) -> Path:
        return self._options.home / "bridge-token"

    def _write_token(self) -> None:
        # Whoever connects can run commands as us (PROTOCOL §2), so no other user of this
        # machine may.
        self._token_file.unlink(missing_ok=True)
        self._token_file.touch(mode=0o600)
        self._token_file.write_text(self.token, encoding="utf-8")

    async def _run(self, *arguments: str) -> asyncio.subprocess.Process:
        environment = {
            **self._options.environment,
            "HOME": str(self._options.home),
            "LETTA_CODE_TELEM": "0",
            "DISABLE_AUTOUPDATER": "1",
        }
        # A pipe of our own: asyncio's would make us wait for every tool that inherited it.
        read_end, write_end = os.pipe()
        output = io.FileIO(read_end)
        try:
            child = await asyncio.create_subprocess_exec(
                self._letta,
                *arguments,
                env=environment,
                cwd=self._options.cwd,
                stdin=asyncio.subprocess.DEVNULL,
                stdout=write_end,
                stderr=write_end,
                start_new_session=True,
            )
        except BaseException:
            output.close()
            raise
        finally:
            os.close(write_end)
        self._child = child
        self._output = self._tasks.spawn(self._listen_to(output), name="letta server output")
        return child

    async def _listen_to(self, output: io.FileIO) -> None:
        """Pass the output on to the log, and remember the last line for error messages."""
        reader = asyncio.StreamReader()
        pipe, _ = await asyncio.get_running_loop().connect_read_pipe(
            lambda: asyncio.StreamReaderProtocol(reader), output
        )
        try:
            while chunk := await reader.read(65536):
                for line in chunk.decode(errors="replace").splitlines():
                    if line.strip():
                        self._last_words = redact(line.strip())[:500]
                        log.debug("output", line=self._last_words)
        finally:
            pipe.close()

    async def _heard_out(self) -> str:
        """The last words of a server that has ended."""
        if self._output is not None:
            await asyncio.wait({self._output}, timeout=1.0)
        return self._last_words or "no output"

    async def _until_ready(self, child: asyncio.subprocess.Process) -> None:
        try:
            async with asyncio.timeout(self._options.ready_within_s):
                while not await self._answers():
                    if child.returncode is not None:
                        words = await self._heard_out()
                        raise ConfigurationError(f"The agent server ended at once: {words}")
                    await asyncio.sleep(0.05)
        except TimeoutError as error:
            raise ConfigurationError(
                f"The agent server was not ready in time: {self._last_words or 'no output'}"
            ) from error

    async def _answers(self) -> bool:
        """Whether `/readyz` says 200."""
        try:
            reader, writer = await asyncio.open_connection(_HOST, self._port)
        except OSError:
            return False
        try:
            writer.write(f"GET /readyz HTTP/1.0\r\nHost: {_HOST}\r\n\r\n".encode())
            return b" 200 " in await reader.readline()
        except OSError:
            return False
        finally:
            writer.close()
            with contextlib.suppress(OSError):
                await writer.wait_closed()

    # --- many lives --------------------------------------------------------------------------

    async def _supervise(self, child: asyncio.subprocess.Process) -> None:
        while True:
            began = asyncio.get_running_loop().time()
            code = await child.wait()
            await self._stop(child)
            lived_s = asyncio.get_running_loop().time() - began
            if lived_s > _WORKED_S:
                self._backoff.succeeded()
            delay_s = self._backoff.failed()
            log.error(
                "letta server ended; starting it again",
                code=code,
                lived_s=round(lived_s, 1),
                delay_s=round(delay_s, 2),
                last_words=self._last_words,
            )
            await asyncio.sleep(delay_s)
            try:
                child = await self._spawn()
            except OSError as error:
                log.error("letta server cannot be started", cause=str(error))

    async def _stop(self, child: asyncio.subprocess.Process) -> None:
        """End the child, asked first, then its whole group without asking."""
        self._child = None
        _signal_group(child.pid, signal.SIGTERM)
        await bounded(child.wait(), within_s=self._options.stop_within_s, what="letta server")
        _signal_group(child.pid, signal.SIGKILL)
        await child.wait()


def _signal_group(group: int, number: signal.Signals) -> None:
    """Signal every process of the group; an empty group (or one of zombies) is fine."""
    with contextlib.suppress(ProcessLookupError, PermissionError):
        os.killpg(group, number)


def leave_note(note: Path, group: int) -> None:
    """Remember the process group of a server that we have just started."""
    ours = os.getpid()
    known = {"server": (group, _began(group)), "parent": (ours, _began(ours))}
    note.write_text(json.dumps(known), encoding="utf-8")


def end_leftover(note: Path) -> bool:
    """End the noted server if it is there and its parent is not; True when that was so.

    Does nothing on a system without `/proc`, where a process cannot be told from a later one of
    the same number. May be called twice.
    """
    try:
        known = json.loads(note.read_text(encoding="utf-8"))
        (group, began), parent = known["server"], known["parent"]
    except (OSError, ValueError, KeyError, TypeError):
        return False
    if not _lives(group, began) or _lives(*parent):
        return False
    with contextlib.suppress(ProcessLookupError, PermissionError):
        os.killpg(group, signal.SIGKILL)
        return True
    return False


def _lives(pid: int, began: str | None) -> bool:
    return began is not None and _began(pid) == began


def _began(pid: int) -> str | None:
    """When the process began, in the kernel's ticks (proc(5), field 22); None when it is gone."""
    try:
        stat = Path(f"/proc/{pid}/stat").read_text(encoding="utf-8", errors="replace")
    except OSError:
        return None
    state, *fields = stat.rpartition(")")[2].split()
    return None if state == "Z" else fields[18]


def put_key(key: str, *, instead_of: str, home: Path, environment: Mapping[str, str]) -> None:
    """Replace the placeholder in the server's record of providers; only we can read the file.

    Raises `ConfigurationError` when the record or the placeholder is not where it should be.
    """
    record = _record(home, environment)
    try:
        known = record.read_text(encoding="utf-8")
        if json.dumps(instead_of) not in known:
            raise ConfigurationError(_elsewhere(record))
        _replace(record, known.replace(json.dumps(instead_of), json.dumps(key)))
    except (OSError, UnicodeDecodeError) as error:
        raise ConfigurationError(_elsewhere(record)) from error


def _record(home: Path, environment: Mapping[str, str]) -> Path:
    storage = environment.get("LETTA_LOCAL_BACKEND_DIR")
    folder = Path(storage) if storage else home / ".letta" / "lc-local-backend"
    return folder / "providers" / "auth.json"


def _replace(record: Path, text: str) -> None:
    new = record.with_name(f"{record.name}.new")
    new.unlink(missing_ok=True)
    new.touch(mode=0o600)
    new.write_text(text, encoding="utf-8")
    os.replace(new, record)


def _elsewhere(record: Path) -> str:
    return (
        f"The model's key could not be stored: {record} is not as expected. Unset MODEL_API_KEY "
        "and appserver.model_base_url, and connect the model with `letta connect`."
    )
