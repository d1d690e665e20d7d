"""Passes over packs with one model: scores, or gradients. What does not fit into memory is tried again in smaller batches."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import torch
from torch import Tensor
from transformers import PreTrainedModel

from ..device import ALONE, compile_in_place
from ..errors import cannot
from ..loss import Objective, Targets
from ..models import is_out_of_memory
from ..protocol.packs import Pack, Scores
from ..protocol.requests import StepSettings
from . import blocks, memory, segments
from .batches import Attention, Batch, batch
from .metrics import Found, Part
from .predict import Predicted
from .rows import Row, fill, rows_of, small_enough

IMPLEMENTATIONS = {"dense": segments.NAME, "blocks": blocks.NAME, "causal": "sdpa"}


class Columns:
    """Targets, those of all packs one after the other, on the device."""

    def __init__(self, targets: Sequence[Targets], device: torch.device) -> None:
        self.sizes = [len(one.node) for one in targets]
        self.all = Targets(*(torch.cat(column).to(device) for column in zip(*targets, strict=True)))

    def at(self, chosen: Tensor) -> Targets:
        return Targets(*(column.index_select(0, chosen) for column in self.all))

    def fill_old(self, at: Tensor, logprobs: Tensor) -> None:
        """Where they are absent."""
        old = self.all.old_logprob.index_select(0, at)
        self.all.old_logprob.index_copy_(0, at, torch.where(old.isnan(), logprobs, old))

    def lacks_old(self, pack: int) -> bool:
        start = sum(self.sizes[:pack])
        return bool(self.all.old_logprob[start : start + self.sizes[pack]].isnan().any())

    def split(self, values: Tensor) -> tuple[Tensor, ...]:
        return values.split(self.sizes)


class Passes:
    """How this device computes: attention, and the tokens of a batch, which shrink when memory runs out."""

    def __init__(self, attention: Attention, device: torch.device, budget: int, tell: Callable[[str], None]) -> None:
        self.attention = attention
        self.device = device
        self.budget = budget
        self.tell = tell
        self.compiled = attention == "blocks"
        """Whether layers and the loss are compiled, which on a GPU takes a fraction of the memory traffic."""

    def score(self, model: PreTrainedModel, packs: Sequence[Pack], temperature: float) -> list[Scores]:
        columns = Columns([pack.targets for pack in packs], self.device)
        logprobs, entropies = (torch.full((sum(columns.sizes),), torch.nan) for _ in range(2))
        at, logprob, entropy = self.score_rows(model, rows_of(packs, range(len(packs))), temperature)
        logprobs[at.cpu()], entropies[at.cpu()] = logprob.cpu(), entropy.cpu()
        return [Scores(*of_pack) for of_pack in zip(columns.split(logprobs), columns.split(entropies), strict=True)]

    def score_rows(self, model: PreTrainedModel, rows: Sequence[Row], temperature: float) -> tuple[Tensor, Tensor, Tensor]:
        """(which targets, their logprobs, their entropies)"""
        self.attend(model)
        parts: list[tuple[Tensor, Tensor, Tensor]] = []

        def one(chosen: Sequence[Row]) -> None:
            given = self.batch(model, chosen)
            parts.append((given.at, *Predicted(model, given, temperature, self.compiled).score()))

        with torch.no_grad():
            self.each(rows, one, parts.clear)
        if not parts:
            empty = torch.zeros(0, device=self.device)
            return empty.long(), empty, empty
        at, logprob, entropy = (torch.cat(values) for values in zip(*parts, strict=True))
        return at, logprob, entropy

    def gradients(
        self, model: PreTrainedModel, rows: Sequence[Row], columns: Columns, given: Objective, clear: Callable[[], None]
    ) -> tuple[Part, list[tuple[Tensor, Tensor]]]:
        """Adds them up. `clear` forgets them. (metrics, log-probabilities of which targets)"""
        found: list[Found] = []

        def again() -> None:
            clear()
            found.clear()

        self.each(rows, lambda chosen: found.append(self.once(model, chosen, columns, given)), again)
        return Part.of(found), [(one.at, one.logprob) for one in found]

    def once(self, model: PreTrainedModel, rows: Sequence[Row], columns: Columns, given: Objective) -> Found:
        """Adds the gradients of one batch, however large."""
        self.attend(model)
        of = self.batch(model, rows)
        targets = columns.at(of.at)
        logprob, metrics = Predicted(model, of, given.temperature, self.compiled).backward(targets, given)
        old = torch.where(targets.old_logprob.isnan(), logprob, targets.old_logprob)
        return Found(of.at, logprob, old - targets.sampled_logprob, logprob - old, metrics)

    def batch(self, model: PreTrainedModel, rows: Sequence[Row]) -> Batch:
        return batch(rows, self.attention, model.config.get_text_config().hidden_size, self.device)

    def attend(self, model: PreTrainedModel) -> None:
        wanted = IMPLEMENTATIONS[self.attention]
        if model.config._attn_implementation != wanted:
            model.set_attn_implementation(wanted)
        model.train()  # only then can layers forget and recompute their insides; there is no dropout
        for layer in model.get_decoder().layers if self.attention == "blocks" else ():
            if not self.compiled:
                layer._compiled_call_impl = None
            elif layer._compiled_call_impl is None:
                compile_in_place(layer)  # all are of one form, so it is done once

    def each(self, rows: Sequence[Row], one: Callable[[Sequence[Row]], None], again: Callable[[], None]) -> None:
        """Does `one` for batches of the rows. When memory runs out, from the beginning with smaller ones: half a batch may have been done."""
        while True:
            failed: Sequence[Row] = []
            for chosen in self.batches(rows):
                try:
                    with ALONE:
                        one(chosen)
                except (torch.OutOfMemoryError, RuntimeError) as error:
                    if not is_out_of_memory(error):
                        raise
                    failed = chosen
                    break
            if not failed:
                return
            again()
            memory.release(self.device)
            self.shrink(failed)

    def batches(self, rows: Sequence[Row]) -> list[list[Row]]:
        if self.attention == "causal":
            rows = [path for row in rows for path in row.paths()]
        rows, padded = small_enough(rows, self.budget), self.attention != "blocks"
        return fill(sorted(rows, key=len) if padded else rows, self.budget, padded)

    def shrink(self, failed: Sequence[Row]) -> None:
        tokens = tokens_of(failed, self.attention)
        if len(failed) == 1 and (failed[0].is_path or failed[0].halves() is None):
            raise cannot(
                f"One text of {tokens} tokens does not fit into the memory of this device.",
                "Make answers or prompts shorter, or start the runtime with gradient checkpointing, LoRA or a smaller model.",
            )
        self.budget = max(1, tokens // 2)
        self.tell(f"Memory ran out at {tokens} tokens at once; from now on a batch has at most {self.budget}.")


def tokens_of(rows: Sequence[Row], attention: Attention) -> int:
    sizes = [len(row) for row in rows]
    return sum(sizes) if attention == "blocks" else len(sizes) * max(sizes)


def objective_of(settings: StepSettings, denominator: float, device: torch.device) -> Objective:
    def or_none(limit: float) -> float:
        return limit or torch.inf

    values = (
        denominator, settings.temperature, settings.clip_low, settings.clip_high, or_none(settings.dual_clip), or_none(settings.importance_cap),
        settings.kl_coef, settings.entropy_coef,
    )  # fmt: skip
    return Objective(*(torch.tensor(value, dtype=torch.float64, device=device) for value in values))
