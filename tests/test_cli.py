"""The command as a person meets it: a process, an exit code, one sentence on standard error."""

import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from importlib.metadata import version
from pathlib import Path

import pytest

from bridge.cli import exit_code
from bridge.domain import errors

CONFIG = '[[teammates]]\nname = "ada"\nmodel = "some/model"\n'


def bridge(cwd: Path, *arguments: str, **environ: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "bridge", *arguments],
        cwd=cwd,
        env={"PATH": os.environ["PATH"], "HOME": str(cwd), **environ},
        capture_output=True,
        text=True,
        timeout=50,
        check=False,
    )


def test_shows_its_version(tmp_path: Path) -> None:
    done = bridge(tmp_path, "--version")
    assert done.stdout == f"letta-bridge {version('letta-slack-bridge')}\n"
    assert done.returncode == 0


def test_names_its_commands(tmp_path: Path) -> None:
    shown = bridge(tmp_path, "--help").stdout
    for command in ("run", "init", "doctor", "migrate", "demo"):
        assert f" {command} " in shown


def test_wrong_usage_ends_with_2(tmp_path: Path) -> None:
    assert bridge(tmp_path, "fly").returncode == 2


def test_wrong_configuration_ends_with_2_a_sentence_a_line_and_no_traceback(
    tmp_path: Path,
) -> None:
    (tmp_path / "bridge.toml").write_text(f"[web]\nport = -1\n{CONFIG}")
    done = bridge(tmp_path, "run")
    assert done.returncode == 2
    assert "web.port must be at least 0, not -1." in done.stderr
    assert "Traceback" not in done.stderr


def test_debug_shows_the_traceback(tmp_path: Path) -> None:
    assert "Traceback" in bridge(tmp_path, "--debug", "run").stderr


def test_a_named_file_that_is_not_there_ends_with_2(tmp_path: Path) -> None:
    done = bridge(tmp_path, "migrate", "--config", "none.toml")
    assert done.returncode == 2
    assert "There is no file none.toml." in done.stderr


def test_migrate_makes_the_database_and_then_has_nothing_to_do(tmp_path: Path) -> None:
    (tmp_path / "bridge.toml").write_text(CONFIG)
    first, second = bridge(tmp_path, "migrate"), bridge(tmp_path, "migrate")
    assert (first.returncode, second.returncode) == (0, 0)
    assert "now at version" in first.stdout
    assert "already at version" in second.stdout
    assert (tmp_path / "bridge.db").exists()


def test_a_file_that_is_no_database_is_a_sentence(tmp_path: Path) -> None:
    (tmp_path / "bridge.toml").write_text(CONFIG)
    (tmp_path / "bridge.db").write_text("this is a letter to my aunt, and no database at all")
    done = bridge(tmp_path, "migrate")
    assert done.returncode in (2, 4)
    assert len(done.stderr.strip().splitlines()) == 1


def test_init_writes_a_file_that_run_understands_and_prints_the_link(tmp_path: Path) -> None:
    done = bridge(tmp_path, "init")
    assert done.returncode == 0
    assert "https://api.slack.com/apps?new_app=1&manifest_json=" in done.stdout
    assert bridge(tmp_path, "migrate").returncode == 0


def test_init_never_overwrites(tmp_path: Path) -> None:
    (tmp_path / "bridge.toml").write_text("precious")
    done = bridge(tmp_path, "init")
    assert done.returncode == 2
    assert "left as it is" in done.stderr
    assert (tmp_path / "bridge.toml").read_text() == "precious"


@pytest.mark.parametrize(
    ("error", "code"),
    [
        (errors.ConfigurationError("x"), 2),
        (errors.AgentUnreachable("x"), 3),
        (errors.AgentTooOld("x"), 3),
        (errors.ChatUnreachable("x"), 3),
        (errors.ChatRefused("auth.test", "x"), 3),
        (errors.StoreUnavailable("x"), 4),
        (errors.SchemaTooNew("x"), 4),
        (errors.BridgeError("x"), 1),
        (ValueError("x"), 1),
    ],
)
def test_every_kind_of_error_has_its_exit_code(error: Exception, code: int) -> None:
    assert exit_code(error) == code


PATIENT = """
import asyncio
from bridge.cli import until_stopped

async def work(stop):
    print("started", flush=True)
    await stop.wait()
    print("stopping", flush=True)
    {then}
    print("stopped", flush=True)

asyncio.run(until_stopped(work))
"""


@pytest.fixture
def patient(request: pytest.FixtureRequest) -> Iterator[subprocess.Popen[str]]:
    process = subprocess.Popen(
        [sys.executable, "-c", PATIENT.format(then=request.param)],
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
        start_new_session=True,
    )
    assert line_of(process) == "started\n"
    yield process
    process.kill()
    process.wait()
    assert process.stdout is not None
    process.stdout.close()


def line_of(process: subprocess.Popen[str]) -> str:
    assert process.stdout is not None
    return process.stdout.readline()


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
@pytest.mark.parametrize("patient", ["pass"], indirect=True)
def test_a_signal_stops_in_order(patient: subprocess.Popen[str], number: signal.Signals) -> None:
    patient.send_signal(number)
    assert (line_of(patient), line_of(patient)) == ("stopping\n", "stopped\n")
    assert patient.wait(10) == 0


@pytest.mark.parametrize("patient", ["await asyncio.Event().wait()"], indirect=True)
def test_a_second_signal_does_not_wait(patient: subprocess.Popen[str]) -> None:
    patient.send_signal(signal.SIGINT)
    assert line_of(patient) == "stopping\n"
    patient.send_signal(signal.SIGINT)
    assert patient.wait(10) != 0
    assert line_of(patient) == ""


STUBBORN = """
    while True:
        try:
            await asyncio.Event().wait()
        except asyncio.CancelledError:
            print("no", flush=True)
"""


@pytest.mark.parametrize("patient", [STUBBORN], indirect=True)
def test_a_third_signal_ends_the_process_at_once(patient: subprocess.Popen[str]) -> None:
    patient.send_signal(signal.SIGTERM)
    assert line_of(patient) == "stopping\n"
    patient.send_signal(signal.SIGTERM)
    assert line_of(patient) == "no\n"
    patient.send_signal(signal.SIGTERM)
    assert patient.wait(10) == 130
