"""Servers within this process, and in one of their own; and how to talk to them."""

from __future__ import annotations

import asyncio
import http.client
import json
import os
import socket
import ssl
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from queue import SimpleQueue
from typing import Any
from urllib.parse import urlsplit

import conftest
from tuning_fork_gpu.models import LoraSettings
from tuning_fork_gpu.serving.server import Server, ServerOptions
from tuning_fork_gpu.training.learner import Learner

TOKEN = "a token of the tests"
PATIENCE = 60


@dataclass
class Answer:
    status: int
    content: bytes
    headers: dict[str, str] = field(default_factory=dict)

    @property
    def json(self) -> Any:
        return json.loads(self.content)

    @property
    def error(self) -> dict[str, str]:
        return self.json["error"]

    @property
    def lines(self) -> list[Any]:
        return [json.loads(line) for line in self.content.splitlines()]


class Client:
    """One connection, kept as long as the server keeps it."""

    def __init__(self, url: str, token: str = TOKEN, context: ssl.SSLContext | None = None) -> None:
        parts = urlsplit(url)
        self.host, self.port, self.token = parts.hostname or "", parts.port or 0, token
        kind = (lambda: http.client.HTTPSConnection(self.host, self.port, timeout=PATIENCE, context=context)) if parts.scheme == "https" else (
            lambda: http.client.HTTPConnection(self.host, self.port, timeout=PATIENCE))  # fmt: skip
        self.connection = kind()

    def begin(self, method: str, path: str, body: Any = None, headers: dict[str, str] | None = None) -> http.client.HTTPResponse:
        content = body if isinstance(body, bytes) or body is None else json.dumps(body).encode()
        try:
            self.connection.request(method, path, content, {"authorization": f"Bearer {self.token}", **(headers or {})})
        except (BrokenPipeError, ConnectionResetError):
            pass  # refused while it was still sending: the answer is there
        return self.connection.getresponse()

    def send(self, method: str, path: str, body: Any = None, headers: dict[str, str] | None = None) -> Answer:
        answer = self.begin(method, path, body, headers)
        return Answer(answer.status, answer.read(), dict(answer.getheaders()))

    def get(self, path: str) -> Answer:
        return self.send("GET", path)

    def post(self, path: str, body: Any = None) -> Answer:
        return self.send("POST", path, {} if body is None else body)

    def sample(self, prompt: list[int], tokens: int = 8, **more: Any) -> Answer:
        return self.post("/v1/sample", sample_body(prompt, tokens, **more))

    def raw(self, text: bytes) -> bytes:
        """What comes back until the other side closes, or an error has been told."""
        with socket.create_connection((self.host, self.port), timeout=PATIENCE) as opened:
            try:
                opened.sendall(text)
            except ConnectionError:
                pass
            answer = b""
            while b"}}" not in answer and (part := opened.recv(65536)):
                answer += part
            return answer

    def close(self) -> None:
        self.connection.close()


def sample_body(prompt: list[int], tokens: int = 8, **more: Any) -> dict[str, Any]:
    sampling = {"temperature": 1, "topP": 1, "topK": 0, "maxTokens": tokens, **more.pop("sampling", {})}
    return {"prompt": prompt, "sampling": sampling, "stopIds": [], "key": "1", **more}


@contextmanager
def serving(model: Path, lora: LoraSettings | None = None, **options: Any) -> Iterator[tuple[str, Server]]:
    """Its url."""
    server = Server(Learner.load(str(model), lora=lora), ServerOptions(TOKEN, **{"body_limit": 1_000_000, "keep": model / "keep", **options}))
    urls: SimpleQueue[str] = SimpleQueue()
    ended: list[Exception] = []

    def run() -> None:
        try:
            asyncio.run(server.serve(urls.put))
        except Exception as error:
            ended.append(error)

    thread = threading.Thread(target=run, daemon=True)
    thread.start()
    url = urls.get(timeout=PATIENCE)
    try:
        yield url, server
    finally:
        with suppress(RuntimeError):  # it may have ended by itself
            server._loop.call_soon_threadsafe(server.shut_down)
        thread.join(PATIENCE)
        assert not thread.is_alive()
    if ended:
        raise ended[0]


class Process:
    """`python -m tuning_fork_gpu serve`"""

    def __init__(self, *arguments: str) -> None:
        environment = {**os.environ, "PYTHONPATH": str(conftest.ROOT / "runtime/gpu"), "PYTHONUNBUFFERED": "1", "OMP_NUM_THREADS": "1"}
        self.child = subprocess.Popen(
            [sys.executable, "-m", "tuning_fork_gpu", "serve", *arguments], stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE, env=environment
        )
        self.lines: list[Any] = []

    def until(self, key: str) -> Any:
        """The value of the first line that has it."""
        while line := self.child.stdout.readline():
            self.lines.append(json.loads(line))
            if key in self.lines[-1]:
                return self.lines[-1][key]
        raise AssertionError(f"it ended without {key}: {self.lines} {self.child.stderr.read().decode()}")

    def ended(self) -> int:
        return self.child.wait(PATIENCE)

    def __enter__(self) -> Process:
        return self

    def __exit__(self, *_: object) -> None:
        self.child.kill()
        self.child.wait()
        for pipe in (self.child.stdin, self.child.stdout, self.child.stderr):
            pipe.close()
