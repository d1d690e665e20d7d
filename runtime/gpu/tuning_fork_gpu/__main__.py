"""`python -m tuning_fork_gpu serve`: what it does and where it is reached stands on stdout, a line of JSON each; all else on stderr."""

from __future__ import annotations

import argparse
import asyncio
import json
import os
import re
import secrets
import signal
import ssl
import sys
import threading
import traceback
from collections.abc import Sequence
from pathlib import Path
from typing import Any, NoReturn

from .errors import Refusal
from .serving.door import is_loopback


def main(arguments: Sequence[str]) -> None:
    try:
        serve(parsed(arguments))
    except Refusal as refusal:
        fail(refusal)
    except Exception as error:
        traceback.print_exception(error)
        full = type(error).__name__ == "OutOfMemoryError"
        next = "Use a smaller model, --dtype bfloat16, or --lora-rank 32." if full else "The lines on stderr say where it happened."
        fail(Refusal(500, "trainer", f"{type(error).__name__}: {error}", next))


class Parser(argparse.ArgumentParser):
    def error(self, message: str) -> NoReturn:
        raise Refusal(400, "usage", f"{message[0].upper()}{message[1:]}.", f"Try: {self.prog} --help")


def parsed(arguments: Sequence[str]) -> argparse.Namespace:
    parser = Parser(prog="python -m tuning_fork_gpu", allow_abbrev=False)
    commands = parser.add_subparsers(dest="command", required=True)
    command = commands.add_parser("serve", help="own a model: sample from it, train it", allow_abbrev=False)
    command.add_argument("--model", required=True, help="a directory, the id of a model on the Hugging Face hub, or modelscope:<id>")
    command.add_argument("--host", default="127.0.0.1")
    command.add_argument("--port", type=int, default=8750, help="0: one that is free")
    command.add_argument("--token-file", type=Path, default=Path("~/.tuning-fork/gpu-token"), help="made where it is missing")
    command.add_argument("--tls-cert", type=Path)
    command.add_argument("--tls-key", type=Path)
    command.add_argument("--insecure", action="store_true", help="without TLS, reachable from other machines")
    command.add_argument("--device", default="auto", help="cpu, cuda, cuda:0")
    command.add_argument("--dtype", default="auto", choices=["auto", "float32", "bfloat16", "float16"])
    command.add_argument("--lora-rank", type=int, default=0, help="0: all parameters are trained")
    command.add_argument("--lora-alpha", type=float, help="twice the rank")
    command.add_argument("--lora-targets", default="all-linear", help="or names of layers, with commas")
    command.add_argument("--gradient-checkpointing", action="store_true", default=None)
    command.add_argument("--offload-optimizer", action="store_true", default=None)
    command.add_argument("--keep", type=Path, default=Path("~/.tuning-fork/checkpoints"), help="where checkpoints go that are asked for from another machine")
    command.add_argument("--with-parent", action="store_true", help="end when stdin does")
    return parser.parse_args(arguments)


def serve(given: argparse.Namespace) -> None:
    if given.with_parent:
        signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C reaches the whole group; who started this decides
        threading.Thread(target=end_with_stdin, daemon=True).start()
    token = token_of(given.token_file.expanduser())
    tls = tls_of(given.tls_cert, given.tls_key)
    check_bind(given.host, tls, given.insecure)

    say(progress="Starting PyTorch")
    check_device(given.device)
    from .models import LoraSettings
    from .serving.server import Server, ServerOptions
    from .training.learner import Learner

    rank = given.lora_rank
    lora = LoraSettings(rank, given.lora_alpha or 2.0 * rank, given.lora_targets) if rank > 0 else None
    learner = Learner.load(
        given.model, device=given.device, dtype=given.dtype, lora=lora, offload=given.offload_optimizer, recompute=given.gradient_checkpointing,
        tell=lambda text: say(progress=text),
    )  # fmt: skip
    options = ServerOptions(token, given.host, given.port, tls, given.keep)
    asyncio.run(run(Server(learner, options, lambda notice: say(notice=notice)), given.with_parent))
    leave(0)


async def run(server: Any, with_parent: bool) -> None:
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, *(() if with_parent else (signal.SIGINT,))):
        try:
            loop.add_signal_handler(number, server.shut_down)
        except NotImplementedError:  # Windows
            signal.signal(number, lambda *_: loop.call_soon_threadsafe(server.shut_down))
    await server.serve(lambda url: say(address={"url": url}))


def token_of(file: Path) -> str:
    """Made where it is missing. Never printed."""
    try:
        file.parent.mkdir(parents=True, exist_ok=True)
        with open(os.open(file, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w") as made:
            made.write(secrets.token_urlsafe(32))
    except FileExistsError:
        pass
    except OSError as error:
        raise Refusal(400, "usage", f"The token cannot be written to {file}: {error.strerror}.", "Name another place with --token-file.") from error
    try:
        token = file.read_text().strip()
    except (OSError, UnicodeDecodeError) as error:
        raise Refusal(400, "usage", f"The token in {file} cannot be read.", "Name another place with --token-file.") from error
    if len(token) < 16 or not token.isascii() or not token.isprintable():
        raise Refusal(400, "usage", f"The token in {file} is shorter than 16 plain characters.", "Delete the file: a new one is made.")
    return token


def tls_of(certificate: Path | None, key: Path | None) -> ssl.SSLContext | None:
    if certificate is None and key is None:
        return None
    if certificate is None or key is None:
        raise Refusal(400, "usage", "--tls-cert and --tls-key belong together.", "Give both.")
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    try:
        context.load_cert_chain(certificate, key, password=lambda: "")
    except OSError as error:  # of TLS, too
        why = f"{certificate} and {key} are not a certificate and its key: {error.strerror or error}."
        raise Refusal(400, "usage", why, "Give both as PEM files, the key without a password.") from error
    return context


def check_bind(host: str, tls: ssl.SSLContext | None, insecure: bool) -> None:
    if tls is None and not insecure and not is_loopback(host):
        raise Refusal(
            400, "usage", f"The token and all rollouts would travel to {host} unencrypted.",
            "Give --tls-cert and --tls-key, or keep to 127.0.0.1 and reach it by SSH; --insecure where the network is trusted.",
        )  # fmt: skip


def check_device(device: str) -> None:
    import torch

    if device in ("auto", "cpu"):
        return
    if not re.fullmatch(r"cuda(:\d+)?", device):
        raise Refusal(400, "usage", f"{device} is no device.", "Use cpu, cuda or cuda:<number>.")
    if not torch.cuda.is_available():
        why = "this PyTorch was built without CUDA" if torch.version.cuda is None else "PyTorch finds none that its driver lets it use"
        raise Refusal(400, "trainer", f"There is no GPU for {device}: {why}.", '"tuning-fork gpu doctor" says what is missing. Without a GPU: --device cpu, or gpu.device: cpu in the configuration.')
    if int(device.partition(":")[2] or 0) >= torch.cuda.device_count():
        raise Refusal(400, "usage", f"There is no {device}: this machine has {torch.cuda.device_count()}, counted from 0.", "Use cuda or cuda:<number>.")


def end_with_stdin() -> None:
    while os.read(sys.stdin.fileno(), 4096):
        pass
    os._exit(0)


def say(**line: Any) -> None:
    print(json.dumps(line), flush=True)


def fail(refusal: Refusal) -> NoReturn:
    say(error=refusal.info())
    leave(1)


def leave(code: int) -> NoReturn:
    """At once: threads of libraries have nothing to say."""
    sys.stdout.flush()
    sys.stderr.flush()
    os._exit(code)


if __name__ == "__main__":
    main(sys.argv[1:])
