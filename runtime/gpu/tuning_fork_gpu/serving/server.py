"""The trainer's door: who may come in, what is there, and in what order things are done."""

from __future__ import annotations

import asyncio
import contextlib
import hmac
import os
import re
import ssl
import threading
import time
import traceback
from collections.abc import Awaitable, Callable, Coroutine
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar
from urllib.parse import unquote

from ..errors import Refusal
from ..models import file_of
from ..protocol.packs import PackBody, encode_scores
from ..protocol.requests import MODEL_FILES, PROTOCOL, PROTOCOL_HEADER, CheckpointBody, SampleBody, load_directory
from ..sampling.opening import open_sampler
from ..sampling.sampler import Sampler
from ..training.checkpoints import OPTIMIZER, STATE
from ..training.learner import Learner
from .door import CHUNK, Exchange, Gone, is_loopback, serve_connection
from .sample_lines import StoredSamplers, sample_lines

JSON_LIMIT = 8 * 2**20
DRAIN_SECONDS = 10.0
"""For what is being answered when it is shut down."""

Result = TypeVar("Result")
Notice = Callable[[dict[str, str]], None]
Route = Callable[..., Coroutine[Any, Any, None]]


@dataclass(frozen=True)
class ServerOptions:
    token: str
    host: str = "127.0.0.1"
    port: int = 0
    tls: ssl.SSLContext | None = None
    keep: Path = Path("~/.tuning-fork/checkpoints")
    """Relative folders of checkpoints are below it."""
    heartbeat: float = 5.0
    body_limit: int = 2**30
    """Most bytes of packs."""


class Server:
    """On its event loop: the door. On one thread: the learner, one thing after the other. On threads of their own: samplers."""

    def __init__(self, learner: Learner, options: ServerOptions, notice: Notice = lambda _: None) -> None:
        self._learner = learner
        self._options = options
        self._notice = notice
        self._expected = f"Bearer {options.token}".encode()
        self._any_host = not is_loopback(options.host)
        self._keep = options.keep.expanduser().absolute()
        self._worker = ThreadPoolExecutor(1, "learner")
        self._sampled_model = learner.sampling_copy()
        self._sampler = open_sampler(self._sampled_model, version=learner.version, note=self._tell)
        self._stored = StoredSamplers(self._open_stored)
        self._answering = 0
        self._connections: set[asyncio.Task[None]] = set()
        self._draining = asyncio.Event()
        self._fatal: BaseException | None = None
        self._told = 0
        """Of the learner's notes."""
        self._tell_notes()

    async def serve(self, listening: Callable[[str], None]) -> None:
        """Until it is told to shut down, and all that was begun is done."""
        self._loop = asyncio.get_running_loop()
        host, port = self._options.host, self._options.port
        try:
            server = await asyncio.start_server(self._accept, host, port, ssl=self._options.tls, limit=2 * CHUNK, backlog=512)
        except OSError as error:
            raise Refusal(500, "trainer", f"The address cannot be used: {error.strerror or error}.", "Choose another --port or --host.") from error
        actual = server.sockets[0].getsockname()[1]
        listening(f"{'https' if self._options.tls else 'http'}://{f'[{host}]' if ':' in host else host}:{actual}")
        await self._draining.wait()
        if self._fatal is None:
            await self._drain()
        server.close()
        if self._fatal is not None:
            raise self._fatal

    def shut_down(self) -> None:
        self._draining.set()

    async def _drain(self) -> None:
        await self._in_turn(lambda: None)
        deadline = time.monotonic() + DRAIN_SECONDS
        while self._answering > 0 and time.monotonic() < deadline:
            await asyncio.sleep(0.02)
        await asyncio.to_thread(self._sampler.close)
        await self._stored.close()
        self._worker.shutdown()
        for connection in self._connections:
            connection.cancel()
        if self._connections:
            await asyncio.wait(self._connections, timeout=1)

    async def _accept(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        self._connections.add(task)
        task.add_done_callback(self._connections.discard)
        with contextlib.suppress(asyncio.CancelledError):
            await serve_connection(reader, writer, self._handle, {PROTOCOL_HEADER: str(PROTOCOL)})

    async def _handle(self, exchange: Exchange) -> None:
        self._answering += 1
        try:
            self._check_caller(exchange)
            run, names = self._route(exchange)
            await run(exchange, *names)
        except (Gone, ConnectionError, TimeoutError):
            raise
        except Exception as error:
            await exchange.answer.refuse(refusal_of(error))
        finally:
            self._answering -= 1

    def _check_caller(self, exchange: Exchange) -> None:
        headers = exchange.headers
        # A page whose name was re-bound to this address sends its own name. A tunnel may end at another port.
        host = headers.get("host", "")
        if not self._any_host and not re.fullmatch(r"(127\.0\.0\.1|localhost|\[::1\])(:\d+)?", host):
            raise Refusal(403, "auth", f'The host "{host[:200]}" is not this server.')
        if not hmac.compare_digest(headers.get("authorization", "").encode("latin1"), self._expected):
            raise Refusal(401, "auth", "The token is missing or wrong.", 'Send "authorization: Bearer <token>" with the token this trainer was started with.')
        theirs = headers.get(PROTOCOL_HEADER, str(PROTOCOL))
        if theirs != str(PROTOCOL):
            why = f"The trainer speaks version {PROTOCOL} of the protocol, and Tuning Fork here version {theirs[:20]}."
            raise Refusal(400, "protocol", why, "Install the same version of Tuning Fork on both machines.")
        if self._draining.is_set():
            raise Refusal(503, "trainer", "The trainer is shutting down.", "Start it again.")

    def _route(self, exchange: Exchange) -> tuple[Route, list[str]]:
        for pattern, by_method in self._routes.items():
            match = re.fullmatch(pattern.replace("<name>", "([^/]{1,300})").replace("<path>", "(.{1,300})"), exchange.path)
            if match is None:
                continue
            if exchange.method not in by_method:
                raise Refusal(405, "protocol", f"{exchange.method[:20]} is not possible at {exchange.path[:200]}.", f"Use {' or '.join(by_method)}.")
            return by_method[exchange.method], [unquote(name) for name in match.groups()]
        raise Refusal(404, "protocol", f"There is nothing at {exchange.path[:200]}.", f"Use one of {', '.join(self._routes)}.")

    @property
    def _routes(self) -> dict[str, dict[str, Route]]:
        return {
            "/v1/info": {"GET": self._info},
            "/v1/sample": {"POST": self._sample},
            "/v1/score": {"POST": self._score},
            "/v1/step": {"POST": self._step},
            "/v1/checkpoints": {"GET": self._checkpoints, "POST": self._save},
            "/v1/checkpoints/<name>/load": {"POST": self._load},
            "/v1/checkpoints/<name>/files": {"GET": self._checkpoint_files},
            "/v1/checkpoints/<name>/files/<path>": {"GET": self._checkpoint_file},
            "/v1/files/<name>": {"GET": self._model_file},
            "/v1/shutdown": {"POST": self._shut_down},
        }

    async def _info(self, exchange: Exchange) -> None:
        await exchange.answer.json({**self._learner.info(), "version": self._sampler.version})

    async def _sample(self, exchange: Exchange) -> None:
        vocabulary, context = self._learner.limits
        body = SampleBody.parse(await exchange.json(JSON_LIMIT), vocabulary, context)
        if body.checkpoint is None:
            await sample_lines(self._sampler, body, exchange.answer.line)
        else:
            await self._stored.sample(self._learner.folder_of(body.checkpoint), body, exchange.answer.line)
        await exchange.answer.end()

    async def _open_stored(self, folder: Path) -> Sampler:
        return await self._in_turn(lambda: open_sampler(self._learner.stored_model(str(folder))))

    async def _score(self, exchange: Exchange) -> None:
        content = await exchange.body(self._options.body_limit)

        def score() -> bytes:
            return encode_scores(self._learner.score(PackBody.open(content)), self._learner.version)

        await exchange.answer.whole(await self._in_turn(score, exchange.answer.processing))

    async def _step(self, exchange: Exchange) -> None:
        """What has begun goes on when whoever asked is gone, and who asks again gets its answer."""
        content = await exchange.body(self._options.body_limit)
        began, accepted = time.monotonic(), threading.Event()

        def step() -> dict[str, Any]:
            answer = self._learner.step(PackBody.open(content), accepted.set)
            if self._sampler.version != self._learner.version:
                self._swap()
            return answer

        async def alive() -> None:
            await (exchange.answer.line({"heartbeat": round(time.monotonic() - began, 1)}) if accepted.is_set() else exchange.answer.processing())

        await exchange.answer.line({"done": await self._in_turn(step, alive)})
        await exchange.answer.end()

    def _swap(self) -> None:
        """On the learner's thread. What is sampled from is at no version after a failure, so all there is left to do is to end."""
        try:
            self._sampler.swap(lambda: self._learner.refresh(self._sampled_model), self._learner.version)
        except BaseException as error:
            self._fatal = error
            self._loop.call_soon_threadsafe(self.shut_down)
            raise

    async def _checkpoints(self, exchange: Exchange) -> None:
        await exchange.answer.json(self._learner.checkpoints())

    async def _save(self, exchange: Exchange) -> None:
        body = CheckpointBody.parse(await exchange.json(JSON_LIMIT), self._keep)
        await exchange.answer.json(await self._in_turn(lambda: self._learner.save(body), exchange.answer.processing))

    async def _load(self, exchange: Exchange, name: str) -> None:
        directory = load_directory(await exchange.json(JSON_LIMIT), self._keep)

        def load() -> dict[str, Any]:
            loaded = self._learner.load_checkpoint(name, directory)
            self._swap()
            return loaded

        await exchange.answer.json(await self._in_turn(load, exchange.answer.processing))

    async def _checkpoint_files(self, exchange: Exchange, name: str) -> None:
        folder = self._learner.known(name)
        await exchange.answer.json([{"path": path, "bytes": (folder / path).stat().st_size} for path in usable_files(folder)])

    async def _checkpoint_file(self, exchange: Exchange, name: str, path: str) -> None:
        folder = self._learner.known(name)
        await self._answer_file(exchange, folder / path if path in usable_files(folder) else None, path)

    async def _model_file(self, exchange: Exchange, name: str) -> None:
        await self._answer_file(exchange, file_of(self._learner.folders, name) if name in MODEL_FILES else None, name)

    async def _answer_file(self, exchange: Exchange, file: Path | None, name: str) -> None:
        if file is None:
            raise Refusal(404, "trainer", f'There is no file "{name[:200]}" here.')
        with file.open("rb") as opened:
            await exchange.answer.begin(length=os.fstat(opened.fileno()).st_size)
            while part := await asyncio.to_thread(opened.read, 4 * CHUNK):
                await exchange.answer.write(part)
        await exchange.answer.end()

    async def _shut_down(self, exchange: Exchange) -> None:
        await exchange.answer.json({})
        self.shut_down()

    async def _in_turn(self, run: Callable[[], Result], alive: Callable[[], Awaitable[None]] | None = None) -> Result:
        """On the learner's thread; `alive` is called now and then meanwhile. What nobody waits for any more is not begun."""
        work = self._loop.run_in_executor(self._worker, run)
        try:
            while not work.done():
                await asyncio.wait({work}, timeout=self._options.heartbeat)
                if alive is not None and not work.done():
                    await alive()
            return work.result()
        finally:
            work.cancel()
            self._tell_notes()

    def _tell_notes(self) -> None:
        notes = self._learner.notes[self._told :]
        self._told += len(notes)
        for note in notes:
            self._tell(note)

    def _tell(self, note: str) -> None:
        self._notice({"code": "trainer", "message": note})


def refusal_of(error: Exception) -> Refusal:
    if isinstance(error, Refusal):
        return error
    traceback.print_exception(error)
    return Refusal(500, "internal", f"{type(error).__name__}: {error}")


def usable_files(folder: Path) -> list[str]:
    """What one needs to use a checkpoint as a model."""
    return sorted(file.relative_to(folder).as_posix() for file in folder.rglob("*") if file.is_file() and file.name not in (STATE, OPTIMIZER))
