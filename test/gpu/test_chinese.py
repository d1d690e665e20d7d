"""What a person is told by this process has its Chinese in `runtime/protocol/gpu.zh-cn.json`, or where the other trainer says the same."""

from __future__ import annotations

import ast
import json
import re
from collections.abc import Iterator

import conftest

PACKAGE = conftest.ROOT / "runtime/gpu/tuning_fork_gpu"
CHINESE, OTHERS = (json.loads((conftest.ROOT / f"runtime/protocol/{name}.zh-cn.json").read_text()) for name in ("gpu", "errors"))
TOLD = {"cannot": (0, 1), "conflict": (0, 1), "refused": (0, 1), "tell": (0,), "_note": (0,), "note": (0,), "notice": (0,)}
"""Which arguments of what a person reads."""


def template(node: ast.expr) -> str | None:
    """A text as it is written, with {0}, {1} where something is put in."""
    if isinstance(node, ast.Constant):
        return node.value if isinstance(node.value, str) else None
    if not isinstance(node, ast.JoinedStr):
        return None
    text, places = "", 0
    for part in node.values:
        if isinstance(part, ast.Constant):
            text += str(part.value)
        else:
            text += f"{{{places}}}"
            places += 1
    return text


def trees() -> Iterator[tuple[str, ast.Module]]:
    for file in sorted(PACKAGE.rglob("*.py")):
        yield file.name, ast.parse(file.read_text())


def told() -> Iterator[tuple[str, str]]:
    for file, tree in trees():
        for node in ast.walk(tree):
            if not isinstance(node, ast.Call):
                continue
            name = node.func.attr if isinstance(node.func, ast.Attribute) else getattr(node.func, "id", "")
            where: tuple[int, ...] = TOLD.get(name, ())
            if name == "Refusal" and template(node.args[1]) not in ("protocol", "internal"):
                where = (2, 3)
            for index in where:
                text = template(node.args[index]) if index < len(node.args) else None
                if text and re.search("[A-Za-z]{2}", text) and " " in text:
                    yield file, text


def test_what_a_person_is_told_has_its_chinese() -> None:
    sentences = list(told())
    assert len(sentences) > 60
    assert [f"{file}: {text}" for file, text in sentences if text not in {**CHINESE, **OTHERS} and re.search("[a-z]{2}", text)] == []


def test_what_has_chinese_is_written_somewhere_and_once() -> None:
    written = {template(node) for _, tree in trees() for node in ast.walk(tree) if isinstance(node, ast.Constant | ast.JoinedStr)}
    assert [text for text in CHINESE if text not in written or text in OTHERS] == []


def test_what_is_filled_in_stands_in_both() -> None:
    for english, chinese in CHINESE.items():
        assert set(re.findall(r"\{\d\}", english)) == set(re.findall(r"\{\d\}", chinese)), english
        assert re.search(r"[\u4e00-\u9fff]", chinese) and not re.search(r"[\u4e00-\u9fff][,;:?!]|[\u4e00-\u9fff]\.$", chinese), chinese
