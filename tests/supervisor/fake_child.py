"""A worker that does what the words on its command line say, and writes down what it meets.

    fake_child.py FD DIARY LIVES     LIVES: one life after another, separated by commas; the last
                                      one is repeated. Steps of a life, separated by spaces:
    prepared, ready, hello            say the first two; wait for the third
    hold:C, release:C                 about conversation C
    exit:N                            end with this code
    deaf                              do not hear SIGTERM
    wait                              note every line that comes, until a signal or the end of file

Each line of the diary is a JSON list: [pid, what, details].
"""

import json
import os
import signal
import socket
import sys
from typing import Any, NoReturn


class ChildProcess:
    def __init__(self, fd: int, diary: str) -> None:
        pipe = socket.socket(fileno=fd)
        self.lines, self.words = pipe.makefile("r"), pipe.makefile("w")
        self.diary = diary
        signal.signal(signal.SIGTERM, lambda *_: self.leave("asked to stop"))
        signal.signal(signal.SIGUSR1, lambda *_: self.leave("asked to leave"))

    def note(self, what: str, details: object = None) -> None:
        with open(self.diary, "a", encoding="utf-8") as file:
            file.write(json.dumps([os.getpid(), what, details]) + "\n")

    def leave(self, what: str, code: int = 0) -> NoReturn:
        self.note(what)
        os._exit(code)

    def say(self, **message: Any) -> None:
        self.words.write(json.dumps(message) + "\n")
        self.words.flush()

    def hear(self, word: str = "") -> None:
        while line := self.lines.readline():
            message = json.loads(line)
            if "ping" in message:
                self.say(pong=True)
                continue
            self.note("heard", message)
            if word and word in message:
                return
        self.leave("end of file", 7)

    def begin(self) -> int:
        """Which life this is, from 0."""
        with open(self.diary, encoding="utf-8") as file:
            born = sum('"born"' in line for line in file)
        self.hear("environ")
        fds = sorted(int(name) for name in os.listdir("/proc/self/fd"))
        self.note("born", {"environ": dict(os.environ), "fds": fds})
        return born

    def do(self, step: str) -> None:
        word, _, value = step.partition(":")
        match word:
            case "prepared" | "ready":
                self.say(**{word: True})
            case "hello":
                self.hear("hello")
            case "hold":
                self.say(hold={"agent_id": "agent-1", "conversation_id": value}, number=1)
                self.hear("held")
            case "release":
                self.say(release={"agent_id": "agent-1", "conversation_id": value})
            case "exit":
                self.leave("exits", int(value))
            case "deaf":
                signal.signal(signal.SIGTERM, signal.SIG_IGN)
            case "wait":
                self.hear()


def main(fd: int, diary: str, lives: list[str]) -> None:
    worker = ChildProcess(fd, diary)
    born = worker.begin()
    for step in lives[min(born, len(lives) - 1)].split():
        worker.do(step)


if __name__ == "__main__":
    main(int(sys.argv[1]), sys.argv[2], sys.argv[3].split(","))
