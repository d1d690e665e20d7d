"""What a person is told when something cannot be done."""

from __future__ import annotations


class Refusal(Exception):
    """An error with the status it is answered with, and what to do next."""

    def __init__(self, status: int, code: str, message: str, next: str | None = None) -> None:
        super().__init__(message)
        self.status = status
        self.code = code
        self.message = message
        self.next = next

    def info(self) -> dict[str, str]:
        """As `ErrorInfo` on the wire."""
        return {"code": self.code, "message": self.message, **({"next": self.next} if self.next else {})}


def bad_request(message: str, next: str | None = None) -> Refusal:
    return Refusal(400, "protocol", message, next)


def conflict(message: str, next: str) -> Refusal:
    return Refusal(409, "trainer", message, next)


def cannot(message: str, next: str) -> Refusal:
    """The request is well-formed, and this trainer cannot do it."""
    return Refusal(422, "trainer", message, next)
