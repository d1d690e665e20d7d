"""Teaches a small decoder from nothing on demonstrations and writes it in the Hugging Face format.

    python -m tuning_fork_gpu.export.pretrain lessons.jsonl runtime/policy/embedded
"""

from __future__ import annotations

import argparse
import json
import math
import re
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import jinja2
import torch
from safetensors.torch import save_file
from tokenizers import AddedToken, Regex, Tokenizer, decoders, models, pre_tokenizers, trainers
from torch import Tensor
from torch.nn import functional as F
from torch.nn.utils.rnn import pad_sequence
from transformers import Qwen2Config, Qwen2ForCausalLM

STEPS, BATCH, LEARNING_RATE, VOCABULARY = 1200, 40, 5e-3, 640
END_OF_TEXT, TURN, END = "<|endoftext|>", "<|im_start|>", "<|im_end|>"
MARKS = ["<tool_call>", "</tool_call>", "<tool_response>", "</tool_response>"]
CONFIG: dict[str, Any] = {
    "architectures": ["Qwen2ForCausalLM"], "model_type": "qwen2", "hidden_size": 128, "intermediate_size": 384, "num_hidden_layers": 4, "num_attention_heads": 4,
    "num_key_value_heads": 2, "max_position_embeddings": 1024, "rope_theta": 10000.0, "rms_norm_eps": 1e-6, "hidden_act": "silu", "attention_dropout": 0.0,
    "initializer_range": 0.02, "tie_word_embeddings": True, "use_cache": True, "use_sliding_window": False, "bos_token_id": None, "torch_dtype": "float32",
}  # fmt: skip
# A number is cut in pairs of digits, an arithmetic sign always stands alone, a word takes the space before it along.
WORDS = r"\p{N}{1,2}|[\-+*/()=]| ?[^\s\p{N}\-+*/()=]+|\s"


@dataclass(frozen=True)
class Lesson:
    task: str
    ids: list[int]
    taught: list[bool]
    """Which ids the assistant says, its end of turn included."""


def main() -> None:
    options = argparse.ArgumentParser(description=__doc__)
    options.add_argument("lessons", type=Path)
    options.add_argument("out", type=Path, help="holds chat_template.jinja; the rest is written there")
    chosen = options.parse_args()
    torch.manual_seed(1)

    template = jinja2.Environment().from_string((chosen.out / "chat_template.jinja").read_text())
    conversations = [json.loads(line) for line in chosen.lessons.read_text().splitlines()]
    texts = [template.render(messages=one["messages"], tools=one.get("tools")) for one in conversations]
    tokenizer = learn_tokenizer(texts[:20_000])
    lessons = [lesson(one["task"], text, tokenizer) for one, text in zip(conversations, texts, strict=True)]

    model = Qwen2ForCausalLM(Qwen2Config(**CONFIG, vocab_size=tokenizer.get_vocab_size()))
    print(f"{model.num_parameters():,} parameters, {tokenizer.get_vocab_size()} tokens, {len(lessons):,} lessons")
    teach(model, lessons)
    save(model, tokenizer, chosen.out)


def learn_tokenizer(texts: list[str]) -> Tokenizer:
    tokenizer = Tokenizer(models.BPE())
    tokenizer.pre_tokenizer = pre_tokenizers.Sequence(
        [pre_tokenizers.Split(Regex(WORDS), "isolated"), pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=False)]
    )
    tokenizer.decoder = decoders.ByteLevel()
    special = [AddedToken(mark, special=True, normalized=False) for mark in (END_OF_TEXT, TURN, END)]
    plain = [AddedToken(mark, special=False, normalized=False) for mark in MARKS]
    trainer = trainers.BpeTrainer(
        vocab_size=VOCABULARY - len(MARKS), special_tokens=special, initial_alphabet=pre_tokenizers.ByteLevel.alphabet(), show_progress=False
    )
    # No merge may reach over a mark; and every number of two digits becomes one token.
    marks = re.compile("|".join(re.escape(mark) for mark in (END_OF_TEXT, TURN, END, *MARKS)))
    numbers = [" ".join(f"{number:02}" for number in range(100))] * 10_000
    tokenizer.train_from_iterator([*numbers, *(part for text in texts for part in marks.split(text))], trainer)
    tokenizer.add_tokens(plain)
    return tokenizer


def lesson(task: str, text: str, tokenizer: Tokenizer) -> Lesson:
    ids: list[int] = tokenizer.encode(text).ids
    opening = tokenizer.encode(f"{TURN}assistant\n").ids
    end = tokenizer.token_to_id(END)
    taught = [False] * len(ids)
    speaking = False
    for index, token in enumerate(ids):
        taught[index] = speaking
        if token == end:
            speaking = False
        elif ids[max(0, index + 1 - len(opening)) : index + 1] == opening:
            speaking = True
    return Lesson(task, ids, taught)


def teach(model: Qwen2ForCausalLM, lessons: list[Lesson]) -> None:
    matrices = [p for name, p in model.named_parameters() if p.ndim == 2 and "embed" not in name]
    others = [p for name, p in model.named_parameters() if p.ndim != 2 or "embed" in name]
    optimizers = [
        torch.optim.Muon(matrices, lr=LEARNING_RATE, weight_decay=0.05, adjust_lr_fn="match_rms_adamw"),
        torch.optim.AdamW(others, lr=LEARNING_RATE, betas=(0.9, 0.98), weight_decay=0.0),
    ]
    begun = time.monotonic()
    for step, group in zip(range(STEPS), batches(lessons), strict=False):
        rate = LEARNING_RATE * schedule(step)
        for optimizer in optimizers:
            for settings in optimizer.param_groups:
                settings["lr"] = rate
        loss, by_task = loss_of(model, group)
        loss.backward()
        torch.nn.utils.clip_grad_norm_(model.parameters(), 1.0)
        for optimizer in optimizers:
            optimizer.step()
            optimizer.zero_grad(set_to_none=True)
        if step % 25 == 0 or step == STEPS - 1:
            told = "  ".join(f"{task} {value:.3f}" for task, value in sorted(by_task.items()))
            print(f"step {step:5}  loss {loss.item():.3f}  {told}  {time.monotonic() - begun:.0f} s", flush=True)


def schedule(step: int) -> float:
    """A short warm-up, then a cosine down to a fiftieth."""
    warm = min(1.0, (step + 1) / 50)
    return warm * (0.02 + 0.98 * 0.5 * (1 + math.cos(math.pi * step / STEPS)))


def batches(lessons: list[Lesson]) -> Iterator[list[Lesson]]:
    """Endless, in the order of the file: what comes first there is learned first."""
    while True:
        for start in range(0, len(lessons) - BATCH + 1, BATCH):
            yield lessons[start : start + BATCH]


def loss_of(model: Qwen2ForCausalLM, group: list[Lesson]) -> tuple[Tensor, dict[str, float]]:
    """Cross-entropy over what the assistant says. A short answer's words weigh more than a long one's."""
    total, weights = torch.zeros(()), 0.0
    by_task: dict[str, float] = {}
    for task in sorted({one.task for one in group}):
        mine = [one for one in group if one.task == task]
        ids = pad_sequence([torch.tensor(one.ids) for one in mine], batch_first=True)
        taught = pad_sequence([torch.tensor(one.taught) for one in mine], batch_first=True)
        hidden = model.model(input_ids=ids[:, :-1], use_cache=False).last_hidden_state
        where = taught[:, 1:]
        loss = F.cross_entropy(model.lm_head(hidden[where]), ids[:, 1:][where], reduction="none")
        weight = (where / where.sum(1, keepdim=True).sqrt())[where]
        total = total + (loss * weight).sum()
        weights += float(weight.sum())
        by_task[task] = float(loss.detach().mean())
    return total / weights, by_task


def save(model: Qwen2ForCausalLM, tokenizer: Tokenizer, out: Path) -> None:
    weights = out / "model.safetensors"
    save_file({name: weight for name, weight in model.named_parameters()}, weights, metadata={"format": "pt"})  # a tied head is there once
    weights.chmod(0o644)
    tokenizer.save(str(out / "tokenizer.json"))
    stop, pad = tokenizer.token_to_id(END), tokenizer.token_to_id(END_OF_TEXT)
    write_json(out / "config.json", {**CONFIG, "vocab_size": tokenizer.get_vocab_size(), "eos_token_id": stop, "pad_token_id": pad})
    write_json(out / "generation_config.json", {"do_sample": True, "temperature": 1.0, "eos_token_id": [stop, pad], "pad_token_id": pad})
    names = {"tokenizer_class": "PreTrainedTokenizerFast", "model_max_length": CONFIG["max_position_embeddings"], "eos_token": END, "pad_token": END_OF_TEXT}
    write_json(out / "tokenizer_config.json", {**names, "clean_up_tokenization_spaces": False})


def write_json(file: Path, value: object) -> None:
    file.write_text(json.dumps(value, indent=2) + "\n")


if __name__ == "__main__":
    main()
