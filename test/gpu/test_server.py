"""The door: whoever is not let in, whatever is not right, and what is done in which order."""

from __future__ import annotations

import contextlib
import http.client
import json
import random
import socket
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from calls import Call, encode, made_up
from doors import PATIENCE, TOKEN, Answer, Client, sample_body, serving
from learners import SETTINGS, make, one_tree, plain, scored
from models import VOCABULARY
from safetensors.numpy import load
from tuning_fork_gpu.models import LoraSettings
from tuning_fork_gpu.protocol.packs import PackBody
from tuning_fork_gpu.sampling.sampler import Sampler
from tuning_fork_gpu.serving.server import Server

PROMPT = [5, 6, 7, 8]


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    directory = make("qwen2", tmp_path_factory.mktemp("qwen2"), max_position_embeddings=8192)
    (directory / "tokenizer.json").write_text('{"version": "1.0"}')
    return directory


@pytest.fixture(scope="module")
def opened(model: Path) -> Iterator[tuple[str, Server]]:
    with serving(model) as opened:
        yield opened


@pytest.fixture
def client(opened: tuple[str, Server]) -> Iterator[Client]:
    client = Client(opened[0])
    yield client
    client.close()


@pytest.fixture(scope="module")
def packs(model: Path) -> list:
    return [one_tree(scored(plain(model), made_up(1, VOCABULARY)))]


def step(packs: list, version: int, step_id: str, **settings: float) -> bytes:
    return encode(packs, {"stepId": step_id, "version": version, "settings": {**SETTINGS, "klCoef": 0, **settings}, "updates": [{"packs": [0], "denominator": 3.0}]})


def test_says_what_it_is(client: Client, model: Path) -> None:
    answer = client.get("/v1/info")
    info = answer.json
    assert (info["protocol"], info["version"], info["durableVersion"], info["context"], info["directory"]) == (1, 0, 0, 8192, str(model))
    assert answer.headers["tuning-fork-protocol"] == "1"


def test_nobody_is_served_without_the_token_and_no_page_under_another_name(client: Client) -> None:
    for authorization in ("", "Bearer", f"Bearer {TOKEN}x", f"bearer {TOKEN}", f"Basic {TOKEN}", "Bearer \xff"):
        answer = client.send("GET", "/v1/info", headers={"authorization": authorization})
        assert (answer.status, answer.error["code"]) == (401, "auth")
    answer = client.send("GET", "/v1/info", headers={"host": "evil.example"})
    assert answer.status == 403 and '"evil.example" is not this server' in answer.error["message"]
    for host in ("localhost", "127.0.0.1:1", "[::1]:9"):  # the end of a tunnel
        assert client.send("GET", "/v1/info", headers={"host": host}).status == 200


def test_another_protocol_is_refused(client: Client) -> None:
    answer = client.send("GET", "/v1/info", headers={"tuning-fork-protocol": "2"})
    assert answer.status == 400 and answer.error["message"] == "The trainer speaks version 1 of the protocol, and Tuning Fork here version 2."


def test_unknown_paths_and_methods_are_told_what_there_is(client: Client) -> None:
    assert "/v1/sample" in client.get("/v2/info").error["next"]
    assert client.get("/v1/__init__").status == 404
    answer = client.get("/v1/step")
    assert (answer.status, answer.error["next"]) == (405, "Use POST.")
    assert client.post("/v1/checkpoints/%ff/load").status == 404
    assert client.post("/v1/checkpoints/never/load").status == 404


def test_bodies_that_are_too_long_are_refused_before_they_are_read(client: Client) -> None:
    answer = client.post("/v1/step", bytes(1_000_001))
    assert (answer.status, answer.error["message"]) == (413, "The body is longer than 1000000 bytes.")
    head = f"POST /v1/step HTTP/1.1\r\nhost: localhost\r\nauthorization: Bearer {TOKEN}\r\n".encode()
    # Said to be long: the answer comes before a byte of it. Without a length told: while there is more to send.
    assert client.raw(head + b"content-length: 99999999999\r\n\r\n").startswith(b"HTTP/1.1 413 ")
    assert client.raw(head + b"transfer-encoding: chunked\r\n\r\nf4241\r\n" + b"x" * 1_000_001).startswith(b"HTTP/1.1 413 ")


SAMPLING = sample_body(PROMPT)["sampling"]
WRONG = [
    ("/v1/sample", b"{", "not JSON"),
    ("/v1/sample", b"[" * 100_000, "not JSON"),
    ("/v1/sample", b"\xff\xfe", "not JSON"),
    ("/v1/sample", b"null", "must be an object"),
    ("/v1/sample", {**sample_body(PROMPT), "prompt": None}, '"prompt"'),
    ("/v1/sample", sample_body([]), "prompt is empty"),
    ("/v1/sample", sample_body([1] * 8192), "8192 tokens, and the model can hold 8192"),
    ("/v1/sample", {**sample_body(PROMPT), "prompt": ["a"]}, "token id a"),
    ("/v1/sample", {**sample_body(PROMPT), "prompt": [1.5]}, "token id 1.5"),
    ("/v1/sample", {**sample_body(PROMPT), "prompt": [VOCABULARY]}, f"token id {VOCABULARY}"),
    ("/v1/sample", {**sample_body(PROMPT), "prompt": [-1]}, "token id -1"),
    ("/v1/sample", {**sample_body(PROMPT), "prompt": [True]}, "token id True"),
    ("/v1/sample", {**sample_body(PROMPT), "prompt": [10**400]}, "token id 1"),
    ("/v1/sample", {**sample_body(PROMPT), "sampling": 3}, '"sampling"'),
    ("/v1/sample", {**sample_body(PROMPT), "sampling": {**SAMPLING, "temperature": -1}}, '"sampling.temperature"'),
    ("/v1/sample", b'{"prompt":[1],"stopIds":[],"key":"1","sampling":{"temperature":NaN,"topP":1,"topK":0,"maxTokens":1}}', '"sampling.temperature"'),
    ("/v1/sample", b'{"prompt":[NaN],"stopIds":[],"key":"1","sampling":{"temperature":1,"topP":1,"topK":0,"maxTokens":1}}', "token id nan"),
    ("/v1/sample", {**sample_body(PROMPT), "sampling": {**SAMPLING, "topP": 1.1}}, '"sampling.topP"'),
    ("/v1/sample", {**sample_body(PROMPT), "sampling": {**SAMPLING, "topK": 0.5}}, '"sampling.topK"'),
    ("/v1/sample", {**sample_body(PROMPT), "sampling": {**SAMPLING, "maxTokens": 0}}, '"sampling.maxTokens"'),
    ("/v1/sample", {**sample_body(PROMPT), "stopIds": "5"}, '"stopIds"'),
    ("/v1/sample", {**sample_body(PROMPT), "stopIds": [-5]}, '"stopIds.0"'),
    ("/v1/sample", {**sample_body(PROMPT), "key": "-1"}, '"key"'),
    ("/v1/sample", {**sample_body(PROMPT), "key": 5}, '"key"'),
    ("/v1/sample", {**sample_body(PROMPT), "key": "18446744073709551616"}, "below 2^64"),
    ("/v1/sample", {**sample_body(PROMPT), "top": 101}, '"top"'),
    ("/v1/sample", {**sample_body(PROMPT), "checkpoint": "x"}, 'no checkpoint "x"'),
    ("/v1/sample", {**sample_body(PROMPT), "checkpoint": "/nowhere"}, "no directory /nowhere"),
    ("/v1/checkpoints", {"name": "a", "directory": "../a", "optimizer": True}, "upwards"),
    ("/v1/checkpoints", {"name": "a", "directory": "a\\..\\b", "optimizer": True}, "upwards"),
    ("/v1/checkpoints", {"name": "../a", "directory": "/tmp/a", "optimizer": True}, '"name"'),
    ("/v1/checkpoints", {"name": "..", "directory": "/tmp/a", "optimizer": True}, "dots"),
    ("/v1/checkpoints", {"name": "start", "directory": "/tmp/a", "optimizer": True}, "is taken"),
    ("/v1/checkpoints", {"name": "a", "directory": "/tmp/\0", "optimizer": True}, "zero"),
    ("/v1/checkpoints", {"name": "a", "directory": "/tmp/\ud800", "optimizer": True}, '"directory"'),
    ("/v1/checkpoints", {"name": "a", "directory": "/tmp/a", "optimizer": 1}, '"optimizer"'),
    ("/v1/checkpoints/a/load", {"directory": "/nowhere"}, "no checkpoint of a training"),
]  # fmt: skip


@pytest.mark.parametrize(("path", "body", "wanted"), WRONG)
def test_what_is_wrong_is_refused_with_a_sentence(client: Client, path: str, body: object, wanted: str) -> None:
    answer = client.post(path, body)
    assert 400 <= answer.status < 500
    assert wanted in answer.error["message"]


def test_what_is_no_http_is_answered_and_the_door_stays_open(client: Client) -> None:
    for text in (b"\x16\x03\x01garbage\r\n\r\n", b"GET / HTTP/1.1\r\n\r\n", b"GET /v1/info HTTP/1.1\r\nhost: localhost\r\ncontent-length: -1\r\n\r\n"):
        answer = client.raw(text)
        assert answer.startswith(b"HTTP/1.1 400 ") and b"not an HTTP request" in answer
    long = client.raw(b"GET /v1/info HTTP/1.1\r\nhost: localhost\r\nx: " + b"y" * 200_000)
    assert long.startswith(b"HTTP/1.1 431 ") and b"too long" in long
    broken = f"POST /v1/step HTTP/1.1\r\nhost: localhost\r\nauthorization: Bearer {TOKEN}\r\ntransfer-encoding: chunked\r\n\r\nzz\r\n".encode()
    assert client.raw(broken).startswith(b"HTTP/1.1 400 ")
    assert b"not what its headers say" in client.raw(broken[:-4] + b"1\r\nx\r\n" + b"zz\r\n" * 9)
    assert client.get("/v1/info").status == 200


def test_a_caller_that_goes_away_in_the_middle_of_its_body_leaves_all_as_it_was(client: Client) -> None:
    with socket.create_connection((client.host, client.port)) as opened:
        opened.sendall(f"POST /v1/step HTTP/1.1\r\nhost: localhost\r\nauthorization: Bearer {TOKEN}\r\ncontent-length: 1000\r\n\r\nabc".encode())
        time.sleep(0.05)
    assert client.get("/v1/info").json["version"] == 0


def test_damaged_bodies_are_refused_or_taken_where_the_damage_is_harmless(client: Client, packs: list) -> None:
    chance = random.Random(5)
    scoring = encode(packs, {"temperature": 0.8})
    belated = step(packs, 5, "never")  # whatever else is damaged, the weights are not at that version
    before = client.post("/v1/score", scoring).content
    taken = 0
    for attempt in range(300):
        path, whole = ("/v1/score", scoring) if attempt % 2 else ("/v1/step", belated)
        damaged = bytearray(whole[: chance.randrange(len(whole)) if chance.randrange(10) == 0 else len(whole)])
        header = 8 + int.from_bytes(whole[:8], "little")
        for _ in range(1 + chance.randrange(3)):
            if damaged:
                damaged[chance.randrange(min(header, len(damaged)) if chance.randrange(2) else len(damaged))] = chance.randrange(256)
        answer = client.post(path, bytes(damaged))
        if answer.status == 200 and path == "/v1/score":
            taken += 1
        else:
            assert 400 <= answer.status < 500 and len(answer.error["message"]) > 10, answer
    assert 0 < taken < 150
    assert client.post("/v1/score", scoring).content == before
    assert client.get("/v1/info").json["version"] == 0


def test_random_requests_are_answered_and_harm_nothing(client: Client) -> None:
    """Values of any type at any place."""
    chance = random.Random(9)
    values = [None, True, -1, 0, 1.5, 1e308, 2**70, "", "x", "\0", [], {}, [None], [[]], {"a": 1}, "9" * 30, [1e400], float("nan")]
    for _ in range(300):
        body = json.loads(json.dumps(sample_body(PROMPT, 2)))
        where = body["sampling"] if chance.randrange(2) else body
        where[chance.choice(list(where))] = chance.choice(values)
        answer = client.post("/v1/sample", body)
        assert answer.status == 200 or (400 <= answer.status < 500 and answer.error["message"].endswith("."))
    assert client.sample(PROMPT).status == 200


def test_sampling_is_lines_that_end_with_how(client: Client) -> None:
    lines = client.sample(PROMPT, tokens=40, top=2).lines
    assert lines[-1] == {"done": {"finish": "length", "version": 0, "cached": lines[0]["cached"]}}
    assert lines[0]["version"] == 0
    parts = lines[:-1]
    assert sum(len(part["ids"]) for part in parts) == sum(len(part["logprobs"]) for part in parts) == 40
    assert all(len(part["top"]["ids"]) == len(part["top"]["logprobs"]) == 2 * len(part["ids"]) for part in parts)
    ids = [id for part in parts for id in part["ids"]]
    again = client.sample(PROMPT, tokens=40, stopIds=[ids[3]]).lines
    assert again[-1]["done"]["finish"] == "stop" and again[-1]["done"]["cached"] == len(PROMPT)


def test_64_at_once(opened: tuple[str, Server]) -> None:
    answers: dict[int, list[int]] = {}

    def ask(key: int) -> None:
        client = Client(opened[0])
        lines = client.sample([1, 2, 3, key % 8], tokens=20, key=str(key)).lines
        answers[key] = [id for line in lines[:-1] for id in line["ids"]]
        client.close()

    threads = [threading.Thread(target=ask, args=[key]) for key in range(64)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(PATIENCE)
    assert sorted(map(len, answers.values())) == [20] * 64
    client = Client(opened[0])
    for key in (0, 17):
        assert [id for line in client.sample([1, 2, 3, key % 8], tokens=20, key=str(key)).lines[:-1] for id in line["ids"]] == answers[key]
    client.close()


def test_whoever_closes_the_connection_cancels(opened: tuple[str, Server]) -> None:
    url, server = opened
    client = Client(url)
    answer = client.begin("POST", "/v1/sample", sample_body(PROMPT, 8000))
    assert answer.readline()
    client.connection.sock.shutdown(socket.SHUT_RDWR)
    deadline = time.monotonic() + PATIENCE
    while (server._sampler.running or server._answering) and time.monotonic() < deadline:
        time.sleep(0.01)
    assert server._sampler.running == 0 and server._answering == 0


def test_what_waits_its_turn_is_not_done_for_whoever_is_gone(opened: tuple[str, Server], packs: list, monkeypatch: pytest.MonkeyPatch) -> None:
    url, server = opened
    go_on, bodies, score_now = threading.Event(), [], server._learner.score

    def slow(body: PackBody) -> object:
        bodies.append(body.request)
        assert go_on.wait(PATIENCE)
        return score_now(body)

    monkeypatch.setattr(server._learner, "score", slow)
    waiting, gone, late = Client(url), Client(url), Client(url)
    thread = threading.Thread(target=lambda: waiting.post("/v1/score", encode(packs, {"temperature": 0.1})))
    thread.start()
    while not bodies:
        time.sleep(0.01)
    gone.connection.request("POST", "/v1/score", encode(packs, {"temperature": 0.2}), {"authorization": f"Bearer {TOKEN}"})
    while server._answering < 2:
        time.sleep(0.01)
    gone.connection.sock.shutdown(socket.SHUT_RDWR)
    while server._answering > 1:
        time.sleep(0.01)
    go_on.set()
    assert late.post("/v1/score", encode(packs, {"temperature": 0.3})).status == 200
    thread.join(PATIENCE)
    assert [body["temperature"] for body in bodies] == [0.1, 0.3]


def test_stored_models_come_and_go_at_once(model: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """More than are kept, so that each closes others while it ends."""
    for number in range(5):
        (tmp_path / str(number)).symlink_to(model)
    close = Sampler.close
    monkeypatch.setattr(Sampler, "close", lambda sampler: time.sleep(0.1) or close(sampler))
    with serving(model) as (url, server):
        answers: list[Answer] = []

        def ask(number: int) -> None:
            client = Client(url)
            for _ in range(2):
                answers.append(client.sample(PROMPT, tokens=3, checkpoint=str(tmp_path / str(number))))
            client.close()

        threads = [threading.Thread(target=ask, args=[number]) for number in range(5)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join(PATIENCE)
        assert [answer.status for answer in answers] == [200] * 10
        assert all(answer.lines[-1]["done"]["finish"] == "length" for answer in answers)
        assert len(server._stored._stored) == 1


def test_files_that_prompts_are_built_with(client: Client, model: Path) -> None:
    assert client.get("/v1/files/config.json").content == (model / "config.json").read_bytes()
    assert client.get("/v1/files/chat_template.jinja").status == 404
    for name in ("model.safetensors", "..%2f..%2fetc%2fpasswd", "%2fetc%2fpasswd"):
        assert client.get(f"/v1/files/{name}").status == 404


def test_steps_checkpoints_and_going_back(model: Path, packs: list, tmp_path: Path) -> None:
    with serving(model) as (url, _):
        client = Client(url)
        first = client.sample(PROMPT, tokens=30).lines
        answer = client.post("/v1/step", step(packs, 0, "one"))
        assert answer.headers["content-type"] == "application/x-ndjson"
        done = answer.lines[-1]["done"]
        assert (done["stepId"], done["version"], client.get("/v1/info").json["version"]) == ("one", 1, 1)
        after = client.sample(PROMPT, tokens=30).lines
        assert after[-1]["done"]["version"] == 1 and after[0]["cached"] == 0
        assert [line.get("logprobs") for line in after] != [line.get("logprobs") for line in first]
        # once more is once; another body, and another version, are refused
        assert client.post("/v1/step", step(packs, 0, "one")).lines[-1]["done"] == done
        assert client.post("/v1/step", step(packs, 1, "one")).status == 409
        belated = client.post("/v1/step", step(packs, 0, "two"))
        assert belated.status == 409 and "version 0" in belated.error["message"]

        kept = client.post("/v1/checkpoints", {"name": "c1", "directory": "some/c1", "optimizer": True}).json
        assert kept == {"name": "c1", "directory": str(model / "keep/some/c1"), "version": 1, "optimizer": True}
        assert client.get("/v1/checkpoints").json == [kept] and client.get("/v1/info").json["durableVersion"] == 1
        files = {one["path"]: one["bytes"] for one in client.get("/v1/checkpoints/c1/files").json}
        assert "model.safetensors" in files and "trainer.json" not in files and "optimizer.safetensors" not in files
        weights = client.get("/v1/checkpoints/c1/files/model.safetensors").content
        assert len(weights) == files["model.safetensors"] and weights == (model / "keep/some/c1/model.safetensors").read_bytes()
        assert client.get("/v1/checkpoints/c1/files/trainer.json").status == 404

        two = client.post("/v1/step", step(packs, 1, "two")).lines[-1]["done"]
        # A stored model is sampled from as it was; the weights in training have moved on.
        stored = client.sample(PROMPT, tokens=30, checkpoint="c1").lines
        told = [logprob for line in after[:-1] for logprob in line["logprobs"]]
        assert [logprob for line in stored[:-1] for logprob in line["logprobs"]] == pytest.approx(told, abs=1e-5)
        assert client.post("/v1/checkpoints/c1/load", {}).json["version"] == 1
        assert client.post("/v1/step", step(packs, 1, "two")).lines[-1]["done"]["metrics"]["loss"] == pytest.approx(two["metrics"]["loss"], rel=1e-5)
        client.close()


@pytest.mark.parametrize("lora", [None, LoraSettings(4, 8.0)], ids=["full", "lora"])
def test_sampler_and_trainer_agree(model: Path, packs: list, lora: LoraSettings | None) -> None:
    """Mean |logprob of the sampler - of the trainer| in float32, on the weights it began with and on those a step made."""
    with serving(model, lora) as (url, _):
        client = Client(url)
        for version in range(2):
            calls = []
            for key in range(8):
                prompt = [1, 2, 3, 4, key % 4]
                lines = client.sample(prompt, tokens=30, key=str(key), sampling={"temperature": 0.8}).lines[:-1]
                ids, logprobs = ([one for line in lines for one in line[name]] for name in ("ids", "logprobs"))
                calls.append(Call(prompt, ids, 1.0, 1.0, logprobs, logprobs, logprobs))
            pack = one_tree(calls)
            score = client.post("/v1/score", encode([pack], {"temperature": 0.8})).content
            gap = abs(load(score)["0/logprob"] - pack.targets.sampled_logprob.numpy())
            assert gap.mean() < 1e-4 and gap.max() < 1e-3
            assert client.post("/v1/step", step(packs, version, f"step {version}", learningRate=0.05)).lines[-1]["done"]["version"] == version + 1
        client.close()


def test_what_is_sampled_during_a_step_is_of_the_weights_before_it(model: Path, packs: list) -> None:
    with serving(model) as (url, server):
        began, go_on = threading.Event(), threading.Event()
        step_now = server._learner.step

        def slow(body: object, heartbeat: object) -> object:
            began.set()
            assert go_on.wait(PATIENCE)
            return step_now(body, heartbeat)

        server._learner.step = slow
        stepping, sampling = Client(url), Client(url)
        thread = threading.Thread(target=lambda: stepping.post("/v1/step", step(packs, 0, "one")))
        thread.start()
        assert began.wait(PATIENCE)
        assert sampling.sample(PROMPT).lines[-1]["done"]["version"] == 0
        assert sampling.get("/v1/info").json["version"] == 0
        running = sampling.begin("POST", "/v1/sample", sample_body(PROMPT, 300))
        assert json.loads(running.readline())["version"] == 0
        go_on.set()
        thread.join(PATIENCE)
        # the step waited for what was running
        assert json.loads(running.read().splitlines()[-1])["done"]["version"] == 0
        assert sampling.sample(PROMPT).lines[-1]["done"]["version"] == 1


def test_work_that_takes_long_shows_signs_of_life(model: Path, packs: list, monkeypatch: pytest.MonkeyPatch) -> None:
    with serving(model, heartbeat=0.05) as (url, server):
        client = Client(url)
        for slow, path, body, sign in [
            ("score", "score", encode(packs, {"temperature": 0.8}), b"HTTP/1.1 102 "),
            ("step", "step", step(packs, 0, "one"), b"HTTP/1.1 102 "),
            ("_updates", "step", step(packs, 1, "two"), b'{"heartbeat":'),  # it is accepted
        ]:
            run = getattr(server._learner, slow)
            monkeypatch.setattr(server._learner, slow, lambda *given, run=run: time.sleep(0.5) or run(*given))
            head = f"POST /v1/{path} HTTP/1.1\r\nhost: localhost\r\nauthorization: Bearer {TOKEN}\r\ncontent-length: {len(body)}\r\n\r\n".encode()
            text = client.raw(head + body)
            monkeypatch.undo()
            assert text.count(sign) >= 3 and text.count(b"HTTP/1.1 200 ") == 1
            assert (b"octet-stream" if path == "score" else b'{"done":') in text
        client.close()


def test_a_shutdown_lets_finish_what_was_begun_and_lets_nothing_in(model: Path, packs: list) -> None:
    with serving(model) as (url, server):
        sampling, other, late = Client(url), Client(url), Client(url)
        late.connection.connect()
        answer = sampling.begin("POST", "/v1/sample", sample_body(PROMPT, 300))
        assert answer.readline()
        assert other.post("/v1/shutdown").status == 200
        refused = late.get("/v1/info")
        assert refused.status == 503 and "shutting down" in refused.error["message"]
        assert json.loads(answer.read().splitlines()[-1])["done"]["finish"] == "length"


def test_weights_that_cannot_be_handed_over_end_it(model: Path, packs: list) -> None:
    def broken(_: object) -> None:
        raise ValueError("no memory for them")

    with pytest.raises(ValueError, match="no memory"), serving(model, heartbeat=0.2) as (url, server):
        server._learner.refresh = broken
        with contextlib.suppress(http.client.HTTPException, ConnectionError):
            Client(url).post("/v1/step", step(packs, 0, "one"))


def test_damaged_requests_are_answered_or_closed_and_the_door_stays_open(client: Client) -> None:
    chance = random.Random(11)
    body = json.dumps(sample_body(PROMPT, 2)).encode()
    whole = f"POST /v1/sample HTTP/1.1\r\nhost: localhost\r\nauthorization: Bearer {TOKEN}\r\ncontent-length: {len(body)}\r\n\r\n".encode() + body
    statuses = set()
    for _ in range(200):
        damaged = bytearray(whole)
        for _ in range(1 + chance.randrange(4)):
            at = chance.randrange(len(damaged))
            damaged[at : at + chance.randrange(3)] = bytes(chance.randrange(256) for _ in range(chance.randrange(3)))
        with socket.create_connection((client.host, client.port), timeout=PATIENCE) as opened:
            opened.sendall(damaged)
            opened.shutdown(socket.SHUT_WR)
            answer = b""
            while part := opened.recv(65536):
                answer += part
        if answer:
            statuses.add(int(answer.split()[1]))
    assert statuses <= {200, 400, 401, 403, 404, 405, 413, 431, 501}, statuses
    assert client.sample(PROMPT).status == 200
