"""HTTP/1.1 on asyncio: connections are kept, bodies have a limit before they are read, and whoever goes away is noticed."""

from __future__ import annotations

import asyncio
import contextlib
import ipaddress
import json
from collections.abc import AsyncIterator, Callable, Coroutine
from typing import Any

import h11

from ..errors import Refusal, bad_request

LONGEST_HEADERS = 2**15
HEADER_SECONDS = 10.0
STALLED_SECONDS = 120.0
"""Without a byte of a body that is under way, in either direction."""
LINGER_SECONDS = 2.0
CHUNK = 2**18


def is_loopback(host: str) -> bool:
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"


class Gone(Exception):
    """Whoever asked is."""


class Answer:
    """What goes out."""

    def __init__(self, connection: _Connection, headers: dict[str, str]) -> None:
        self._connection = connection
        self._own_headers = headers
        self._begun = self._lines = False

    async def json(self, value: Any, status: int = 200) -> None:
        await self.whole(json.dumps(value, allow_nan=False).encode(), "application/json", status)

    async def whole(self, content: bytes, kind: str = "application/octet-stream", status: int = 200) -> None:
        await self.begin(kind, length=len(content), status=status)
        await self.write(content)
        await self.end()

    async def begin(self, kind: str = "application/octet-stream", *, length: int | None = None, status: int = 200) -> None:
        headers = {"content-type": kind, **self._own_headers}
        if length is not None:
            headers["content-length"] = str(length)
        if self._connection.unread:
            headers["connection"] = "close"  # the rest would be taken for the next request
        self._begun = True
        await self._connection.send(h11.Response(status_code=status, headers=list(headers.items())))

    async def write(self, content: bytes) -> None:
        if content:
            await self._connection.send(h11.Data(data=content))

    async def line(self, value: Any) -> None:
        """Of an answer of JSON lines, which this begins."""
        if not self._lines:
            self._lines = True
            await self.begin("application/x-ndjson")
        await self.write(json.dumps(value, allow_nan=False, separators=(",", ":")).encode() + b"\n")

    async def end(self) -> None:
        await self._connection.send(h11.EndOfMessage())

    async def processing(self) -> None:
        """A sign of life before the answer: 102."""
        await self._connection.send(h11.InformationalResponse(status_code=102, headers=[], reason="Processing"))

    async def refuse(self, refusal: Refusal) -> None:
        """As the answer, or as the last of its lines; one of bytes is cut off, and seen to be."""
        error = {"error": refusal.info()}
        if not self._begun:
            return await self.json(error, refusal.status)
        if not self._lines:
            raise Gone from refusal
        await self.line(error)
        await self.end()


class Exchange:
    """One request and its answer."""

    def __init__(self, connection: _Connection, request: h11.Request, answer: Answer) -> None:
        self._connection = connection
        self.method = request.method.decode("latin1")
        self.path = request.target.decode("latin1").split("?")[0]
        self.headers = {name.decode("latin1"): value.decode("latin1") for name, value in request.headers}
        self.answer = answer

    async def body(self, limit: int) -> bytes:
        too_long = Refusal(413, "protocol", f"The body is longer than {limit} bytes.", "Send less at once.")
        if int(self.headers.get("content-length", 0)) > limit:
            raise too_long
        content = bytearray()
        try:
            async for part in self._connection.body():
                content += part
                if len(content) > limit:
                    raise too_long
        except TimeoutError:
            raise Refusal(408, "protocol", f"Nothing more of the body has come for {STALLED_SECONDS:.0f} seconds.", "Send it again.") from None
        except h11.RemoteProtocolError:
            raise bad_request("The body is not what its headers say.") from None
        return bytes(content)

    async def json(self, limit: int) -> Any:
        body = await self.body(limit)
        try:
            return json.loads(body)
        except (ValueError, RecursionError):
            raise bad_request("The body is not JSON.") from None


Handler = Callable[[Exchange], Coroutine[Any, Any, None]]


async def serve_connection(reader: asyncio.StreamReader, writer: asyncio.StreamWriter, handle: Handler, headers: dict[str, str]) -> None:
    """Requests of one connection, one after the other. `handle` answers, or raises nothing but what ends the connection."""
    connection = _Connection(reader, writer)
    try:
        while (request := await connection.request()) is not None:
            await connection.unless_gone(handle(Exchange(connection, request, Answer(connection, headers))))
            if not connection.next():
                return await connection.linger()
    except h11.RemoteProtocolError as error:
        await connection.refuse_garbage(error, Answer(connection, headers))
    except (Gone, ConnectionError, TimeoutError):
        pass
    finally:
        await connection.close()


class _Connection:
    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._reader, self._writer = reader, writer
        self._state = h11.Connection(h11.SERVER, max_incomplete_event_size=LONGEST_HEADERS)
        self._ahead: Any = h11.NEED_DATA
        """The event after the request, which says whether it has a body."""
        self._read = asyncio.Event()
        """Set when nothing of the request is left to read."""

    @property
    def unread(self) -> bool:
        return not self._read.is_set()

    async def request(self) -> h11.Request | None:
        """The next one; None where none comes."""
        self._read.clear()
        event = self._state.next_event()
        if event is h11.NEED_DATA:
            if not await self._receive():
                return None
            async with asyncio.timeout(HEADER_SECONDS):
                event = await self._event()
        if not isinstance(event, h11.Request):
            return None
        self._note(self._state.next_event())
        return event

    async def body(self) -> AsyncIterator[bytes]:
        if self._state.they_are_waiting_for_100_continue:
            await self.send(h11.InformationalResponse(status_code=100, headers=[], reason="Continue"))
        while self.unread:
            if self._ahead is h11.NEED_DATA:
                async with asyncio.timeout(STALLED_SECONDS):
                    self._note(await self._event())
            if isinstance(self._ahead, h11.Data):
                yield bytes(self._ahead.data)
                self._note(self._state.next_event())

    def _note(self, event: Any) -> None:
        self._ahead = event
        if isinstance(event, h11.EndOfMessage):
            self._read.set()

    async def _event(self) -> Any:
        while (event := self._state.next_event()) is h11.NEED_DATA:
            if not await self._receive():
                raise Gone
        return event

    async def _receive(self) -> bool:
        """False: no more will come."""
        data = await self._reader.read(CHUNK)
        if data:
            self._state.receive_data(data)
        return bool(data)

    async def unless_gone(self, handling: Coroutine[Any, Any, None]) -> None:
        """Cancels the handling when the other side closes the connection."""
        task, watch = asyncio.create_task(handling), asyncio.create_task(self._until_gone())
        try:
            await asyncio.wait({task, watch}, return_when=asyncio.FIRST_COMPLETED)
            if not task.done():
                raise Gone
        finally:
            for one in (task, watch):
                one.cancel()
            await asyncio.wait({task, watch})
        task.result()

    async def _until_gone(self) -> None:
        await self._read.wait()
        with contextlib.suppress(ConnectionError):
            while await self._receive():
                if len(self._state.trailing_data[0]) > LONGEST_HEADERS:
                    return  # who sends requests without waiting for answers is not worth memory

    def next(self) -> bool:
        """Whether another request may come."""
        if self._state.our_state is not h11.DONE or self._state.their_state is not h11.DONE:
            return False
        self._state.start_next_cycle()
        return True

    async def send(self, event: Any) -> None:
        data = self._state.send(event)
        if data:
            self._writer.write(data)
            if self._writer.transport.get_write_buffer_size() > 0 or self._writer.transport.is_closing():
                async with asyncio.timeout(STALLED_SECONDS):
                    await self._writer.drain()

    async def refuse_garbage(self, error: h11.RemoteProtocolError, answer: Answer) -> None:
        if self._state.our_state in (h11.IDLE, h11.SEND_RESPONSE):
            message = "The headers of the request are too long." if error.error_status_hint == 431 else "This is not an HTTP request that can be read."
            with contextlib.suppress(ConnectionError, TimeoutError):
                await answer.refuse(Refusal(error.error_status_hint, "protocol", message))
                await self.linger()

    async def linger(self) -> None:
        """What is still being sent is read, for a moment: closing at once would take the answer away with it."""
        with contextlib.suppress(ConnectionError, TimeoutError):
            if self._writer.can_write_eof():
                self._writer.write_eof()
            async with asyncio.timeout(LINGER_SECONDS):
                while await self._reader.read(CHUNK):
                    pass

    async def close(self) -> None:
        self._writer.close()
        with contextlib.suppress(ConnectionError, TimeoutError):
            async with asyncio.timeout(LINGER_SECONDS):
                await self._writer.wait_closed()
