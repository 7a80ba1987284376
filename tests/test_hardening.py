"""The process is closed to others of the same user, by what the kernel does."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="asks Linux")

NEIGHBOURS = """
import ctypes, os
from bridge import hardening
if os.getuid() == 0:  # root may read everything
    os.setgid(65534)
    os.setuid(65534)
    ctypes.CDLL(None).prctl(4, 1, 0, 0, 0)  # a change of user closes a process as well

def neighbour_reads():
    child = os.fork()
    if child == 0:
        try:
            open(f"/proc/{os.getppid()}/environ", "rb").read()
        except PermissionError:
            os._exit(1)
        os._exit(0)
    return os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0

print(neighbour_reads())
print(hardening.close_to_others())
print(neighbour_reads())
"""

RUN = """
import ctypes, pathlib
from bridge import cli
try:
    {command}
except (cli.ConfigurationError, OSError):
    print("dumpable", ctypes.CDLL(None).prctl(3, 0, 0, 0, 0))
"""


def said(script: str, cwd: Path) -> str:
    done = subprocess.run(
        [sys.executable, "-c", script],
        cwd=cwd,
        env={"PATH": os.environ["PATH"], "SLACK_BOT_TOKEN": "xoxb-1"},
        capture_output=True,
        text=True,
        timeout=30,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


def test_g9_nobody_of_the_same_user_reads_our_environment(tmp_path: Path) -> None:
    assert said(NEIGHBOURS, tmp_path).split() == ["True", "True", "False"]


@pytest.mark.parametrize(
    "command", ['cli.run(config=pathlib.Path("none.toml"))', "cli.worker(supervisor_fd=9999)"]
)
def test_g9_guard_and_worker_close_themselves_before_they_read_a_secret(
    tmp_path: Path, command: str
) -> None:
    assert said(RUN.format(command=command), tmp_path).split() == ["dumpable", "0"]
