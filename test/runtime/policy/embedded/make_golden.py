"""Writes golden.json: conversations as Python renders and encodes them, for the test beside it.

    node runtime/policy/lessons/write.ts lessons.jsonl 60 9
    python test/runtime/policy/embedded/make_golden.py lessons.jsonl
"""

import json
import sys
from pathlib import Path

import jinja2
from tokenizers import Tokenizer

here = Path(__file__).parent
policy = here.parents[3] / "runtime/policy/embedded"
template = jinja2.Environment().from_string((policy / "chat_template.jinja").read_text())
tokenizer = Tokenizer.from_file(str(policy / "tokenizer.json"))

golden = []
for line in Path(sys.argv[1]).read_text().splitlines():
    lesson = json.loads(line)
    text = template.render(messages=lesson["messages"], tools=lesson.get("tools"))
    golden.append({"messages": lesson["messages"], "tools": lesson.get("tools"), "text": text, "ids": tokenizer.encode(text).ids})
for text in ["", " ", "Grüße 💧\n\n\t x", "1234567 0.5 07", "<tool_call><|im_end|></tool_call> <|im_", "日本語 _ O\r\n", 'it\'s "{}"  two  spaces']:
    golden.append({"text": text, "ids": tokenizer.encode(text).ids})
(here / "golden.json").write_text("[\n" + ",\n".join(json.dumps(one, ensure_ascii=False) for one in golden) + "\n]\n")
