"""The process: how it is started, what it says, and how it ends."""

from __future__ import annotations

import json
import os
import re
import signal
import ssl
import stat
import subprocess
import sys
import threading
from collections.abc import Mapping
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import conftest
import pytest
import torch
from calls import made_up
from doors import PATIENCE, Client, Process
from learners import make, one_tree, plain, scored
from models import VOCABULARY
from test_server import step
from tuning_fork_gpu import __main__ as command
from tuning_fork_gpu.errors import Refusal


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return make("qwen2", tmp_path_factory.mktemp("qwen2"))


def test_killed_it_goes_on_from_what_was_kept_and_the_steps_since(model: Path, tmp_path: Path) -> None:
    packs = [one_tree(scored(plain(model), made_up(1, VOCABULARY)))]
    token_file, kept = tmp_path / "made/token", tmp_path / "kept"
    arguments = ["--model", str(model), "--port", "0", "--token-file", str(token_file), "--with-parent", "--device", "cpu"]
    with Process(*arguments) as process:
        url = process.until("address")["url"]
        assert stat.S_IMODE(token_file.stat().st_mode) == 0o600
        assert {"progress": f"Loading {model}"} in process.lines
        client = Client(url, token_file.read_text())
        first = client.post("/v1/step", step(packs, 0, "one")).lines[-1]["done"]
        assert client.post("/v1/checkpoints", {"name": "a", "directory": str(kept), "optimizer": True}).json["version"] == 1
        second = client.post("/v1/step", step(packs, 1, "two")).lines[-1]["done"]
        process.child.send_signal(signal.SIGINT)  # Ctrl-C of the terminal: the parent decides
        assert client.get("/v1/info").json["durableVersion"] == 1
        process.child.kill()
        assert process.ended() == -signal.SIGKILL
    with Process(*arguments) as process:
        client = Client(process.until("address")["url"], token_file.read_text())
        assert client.get("/v1/info").json["version"] == 0
        assert client.post("/v1/checkpoints/a/load", {"directory": str(kept)}).json["version"] == 1
        # the step it was kept after is known; the one after it is made again
        assert client.post("/v1/step", step(packs, 0, "one")).lines[-1]["done"] == first
        again = client.post("/v1/step", step(packs, 1, "two")).lines[-1]["done"]
        assert (again["version"], again["metrics"]["loss"]) == (2, pytest.approx(second["metrics"]["loss"], rel=1e-6))
        process.child.stdin.close()
        assert process.ended() == 0


def test_a_model_comes_from_a_mirror_of_the_hub_and_its_way_here_is_told(model: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    files = {file.name: file.read_bytes() for file in model.iterdir() if file.is_file()}

    class Hub(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            name = self.path.rpartition("/")[2]
            if self.path.startswith("/api/models/tiny/qwen/tree/"):
                self.give(json.dumps([{"type": "file", "path": file, "size": len(content), "oid": "0" * 40} for file, content in files.items()]).encode())
            elif self.path.startswith("/api/models/tiny/qwen"):
                self.give(json.dumps({"id": "tiny/qwen", "sha": "a" * 40, "siblings": [{"rfilename": file} for file in files]}).encode())
            elif self.path.startswith("/tiny/qwen/resolve/") and name in files:
                self.give(files[name], {"ETag": f'"{name}"', "X-Repo-Commit": "a" * 40})
            else:
                self.send_error(404)

        do_HEAD = do_GET

        def give(self, content: bytes, headers: Mapping[str, str] = {}) -> None:  # noqa: B006
            self.send_response(200)
            for name, value in {"Content-Length": str(len(content)), **headers}.items():
                self.send_header(name, value)
            self.end_headers()
            if self.command == "GET":
                self.wfile.write(content)

        def log_message(self, *_: object) -> None:
            pass

    with ThreadingHTTPServer(("127.0.0.1", 0), Hub) as hub:
        threading.Thread(target=hub.serve_forever, daemon=True).start()
        mirror = f"http://127.0.0.1:{hub.server_port}"
        for name, value in {"HF_ENDPOINT": mirror, "HF_HOME": str(tmp_path), "HF_HUB_DISABLE_TELEMETRY": "1"}.items():
            monkeypatch.setenv(name, value)
        with Process("--model", "tiny/qwen", "--port", "0", "--token-file", str(tmp_path / "token"), "--device", "cpu") as process:
            process.until("address")
            told = [line["progress"] for line in process.lines if "progress" in line]
        hub.shutdown()
    assert told[:2] == ["Starting PyTorch", f"Looking for tiny/qwen at {mirror}"]
    assert told[-1] == "Loading tiny/qwen"
    assert any(re.fullmatch(r"Downloading tiny/qwen: [\d,]+ of [\d,]+ MB", line) for line in told)


@pytest.fixture(scope="module")
def certificate(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    folder = tmp_path_factory.mktemp("tls")
    cert, key = folder / "cert.pem", folder / "key.pem"
    try:
        subprocess.run(
            ["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes", "-days", "1", "-subj", "/CN=localhost",
             "-addext", "subjectAltName=DNS:localhost,IP:127.0.0.1", "-keyout", str(key), "-out", str(cert)],
            check=True, capture_output=True,
        )  # fmt: skip
    except FileNotFoundError:
        pytest.skip("no openssl here")
    return cert, key


def test_over_tls_and_ended_by_sigterm(model: Path, certificate: tuple[Path, Path], tmp_path: Path) -> None:
    cert, key = certificate
    token_file = tmp_path / "token"
    token_file.write_text("a token that was there before\n")
    with Process("--model", str(model), "--host", "0.0.0.0", "--port", "0", "--token-file", str(token_file), "--tls-cert", str(cert), "--tls-key", str(key)) as process:
        url = process.until("address")["url"]
        assert url.startswith("https://0.0.0.0:")
        context = ssl.create_default_context(cafile=str(cert))
        client = Client(url.replace("0.0.0.0", "127.0.0.1"), "a token that was there before", context)
        assert client.send("GET", "/v1/info", headers={"host": "gpu.example"}).json["protocol"] == 1
        assert client.sample([1, 2, 3]).lines[-1]["done"]["finish"] == "length"
        assert client.raw(b"GET /v1/info HTTP/1.1\r\n\r\n") == b""  # without TLS
        process.child.send_signal(signal.SIGTERM)
        assert process.ended() == 0


@pytest.mark.parametrize("host", ["0.0.0.0", "192.168.1.5", "::", "gpu.example"])
def test_the_network_is_not_trusted_unless_it_is_said(host: str) -> None:
    with pytest.raises(Refusal, match="unencrypted") as refused:
        command.check_bind(host, None, insecure=False)
    assert "--tls-cert" in (refused.value.next or "")
    command.check_bind(host, None, insecure=True)
    command.check_bind(host, ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER), insecure=False)


def test_this_machine_needs_no_tls() -> None:
    for host in ("127.0.0.1", "127.0.0.9", "::1", "localhost"):
        command.check_bind(host, None, insecure=False)


def test_what_it_cannot_be_started_with_is_a_sentence(tmp_path: Path, certificate: tuple[Path, Path]) -> None:
    cert, key = certificate
    token = ["--token-file", str(tmp_path / "token")]
    (tmp_path / "short").write_text("abc")
    (tmp_path / "garbled").write_bytes(b"\xff" * 40)
    for arguments, wanted in [
        ([], "arguments are required: command"),
        (["serve"], "required: --model"),
        (["serve", "--model", "x", "--port", "many"], "invalid int value: 'many'"),
        (["serve", "--model", "x", "--token-file", str(tmp_path / "short")], "shorter than 16"),
        (["serve", "--model", "x", "--token-file", str(tmp_path / "garbled")], "cannot be read"),
        (["serve", "--model", "x", "--token-file", str(tmp_path)], "cannot be read"),
        (["serve", "--model", "x", *token, "--host", "0.0.0.0"], "unencrypted"),
        (["serve", "--model", "x", *token, "--tls-cert", str(cert)], "belong together"),
        (["serve", "--model", "x", *token, "--tls-cert", str(key), "--tls-key", str(key)], "not a certificate and its key"),
        (["serve", "--model", "x", *token, "--tls-cert", str(tmp_path / "no"), "--tls-key", str(key)], "not a certificate and its key"),
        (["serve", "--model", str(tmp_path), *token, "--device", "cpu"], "no config.json"),
        (["serve", "--model", str(tmp_path), *token, "--device", "abacus"], "abacus is no device"),
        *([] if torch.cuda.is_available() else [(["serve", "--model", str(tmp_path), *token, "--device", "cuda:1"], "no GPU for cuda:1")]),
    ]:
        with pytest.raises(Refusal, match=re.escape(wanted)) as refused:
            command.serve(command.parsed(arguments))
        assert refused.value.next


def test_and_it_says_so_on_one_line() -> None:
    environment = {**os.environ, "PYTHONPATH": str(conftest.ROOT / "runtime/gpu")}
    ended = subprocess.run([sys.executable, "-m", "tuning_fork_gpu", "serve"], capture_output=True, env=environment, timeout=PATIENCE, stdin=subprocess.DEVNULL)
    assert ended.returncode == 1
    assert json.loads(ended.stdout) == {"error": {"code": "usage", "message": "The following arguments are required: --model.", "next": "Try: python -m tuning_fork_gpu serve --help"}}
