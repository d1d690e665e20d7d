"""Where the keys and values of running sequences lie, and the attention over them.

A batch has two slabs. A trunk holds a prompt that several sequences begin with, once: its keys are multiplied with the queries of all of
them together. A slot holds what a sequence has of its own. The shares of both come out of one softmax, so it is the attention of the
whole sequence and nothing approximate.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple, Protocol

import torch
from torch import Tensor
from torch.nn import functional as F
from transformers import AttentionInterface, PreTrainedModel

ATTENTION = "tuning_fork_slabs"
_NOTHING = -1e30
"""The score of what is hidden: a row that sees nothing in one part counts for nothing beside the other, and is no NaN."""


class Shape(NamedTuple):
    """Of the keys and values of one token."""

    layers: int
    heads: int
    width: int
    dtype: torch.dtype
    device: torch.device

    @staticmethod
    def of(model: PreTrainedModel) -> Shape:
        config = model.config.get_text_config()
        width = getattr(config, "head_dim", None) or config.hidden_size // config.num_attention_heads
        heads = getattr(config, "num_key_value_heads", None) or config.num_attention_heads
        return Shape(config.num_hidden_layers, heads, width, model.dtype, model.device)

    @property
    def bytes(self) -> int:
        return 2 * self.layers * self.heads * self.width * self.dtype.itemsize

    def slab(self, rows: int, tokens: int) -> Tensor:
        """[layers, 2, rows, heads, tokens, width], zeroed: what is masked is multiplied by 0, and must be finite."""
        return torch.zeros(self.layers, 2, rows, self.heads, tokens, self.width, dtype=self.dtype, device=self.device)

    def run(self, tokens: int) -> Tensor:
        """[layers, 2, heads, tokens, width], of one sequence, for who fills all of it."""
        return torch.empty(self.layers, 2, self.heads, tokens, self.width, dtype=self.dtype, device=self.device)


class Attention(Protocol):
    """Given to the model's layers by the name `slabs`: keeps the new keys and values, and attends. All are [rows, heads, tokens, width]."""

    def __call__(self, layer: Any, query: Tensor, key: Tensor, value: Tensor, scaling: float, window: int | None) -> Tensor: ...


def attend(
    module: Any, query: Tensor, key: Tensor, value: Tensor, attention_mask: Tensor | None, *,
    scaling: float, slabs: Attention, sliding_window: int | None = None, **_: Any,
) -> tuple[Tensor, None]:  # fmt: skip
    return slabs(module, query, key, value, scaling, sliding_window).transpose(1, 2), None


AttentionInterface.register(ATTENTION, attend)


class Prefill:
    """Prompts whose keys and values are being computed, each in a row of its own."""

    def __init__(self, shape: Shape, rows: int, tokens: int) -> None:
        self.slab = shape.slab(rows, tokens)
        self._rows = torch.arange(rows, device=shape.device)[:, None]
        self._places = torch.arange(tokens, device=shape.device)

    def keep(self, rows: list[int]) -> None:
        self.slab = self.slab[:, :, rows]
        self._rows = self._rows[: len(rows)]

    def begin(self, positions: Tensor) -> None:
        """[rows, tokens]: where in its sequence each of the next tokens stands."""
        self._positions = positions
        self._total = int(positions.max()) + 1
        self._fresh = int(positions[:, 0].max()) == 0
        self._visible = self._places[: self._total] <= positions[:, None, :, None]

    def __call__(self, layer: Any, query: Tensor, key: Tensor, value: Tensor, scaling: float, window: int | None) -> Tensor:
        slab = self.slab[layer.layer_idx]
        slab[0].transpose(1, 2)[self._rows, self._positions] = key.transpose(1, 2)
        slab[1].transpose(1, 2)[self._rows, self._positions] = value.transpose(1, 2)
        shared = query.shape[1] != key.shape[1]
        if self._fresh and window is None:  # what pads a row stands after its tokens: no token sees it
            return F.scaled_dot_product_attention(query, key, value, is_causal=True, scale=scaling, enable_gqa=shared)
        visible = self._visible
        if window is not None:
            visible = visible & (self._places[: self._total] > self._positions[:, None, :, None] - window)
        key, value = slab[0, :, :, : self._total], slab[1, :, :, : self._total]
        if shared:
            key, value = (one.repeat_interleave(query.shape[1] // one.shape[1], 1) for one in (key, value))
        return F.scaled_dot_product_attention(query, key, value, visible, scale=scaling)


@dataclass(frozen=True, slots=True)
class Member:
    """How one sequence takes part in the batch."""

    trunk: int
    shared: int
    """Tokens of the trunk it begins with."""
    own: int
    """Tokens in its slot."""


class Form(NamedTuple):
    """The sizes of a step, all that it hangs on beside numbers on the device. A batch with room to spare has few forms."""

    rows: int
    trunks: int
    width: int
    """Sequences of each trunk."""
    trunk_tokens: int
    slot_tokens: int
    whole: bool
    """All sequences of a trunk see all of it."""
    alone: bool
    """Each sequence has its own trunk, at its own place."""


class _Plan:
    """Who takes part, as numbers on the device that stay at their place."""

    def __init__(self, form: Form, device: torch.device) -> None:
        self.ids, self.own, self.shared, self.trunk, self.place = (torch.zeros(form.rows, dtype=torch.long, device=device) for _ in range(5))
        self.row = torch.arange(form.rows, device=device)
        self.of_trunk = torch.zeros(form.trunks, form.width, dtype=torch.long, device=device)
        """[trunks, width]: the sequences of each."""

    def fill(self, members: Sequence[Member], by_trunk: Sequence[Sequence[int]]) -> None:
        trunks, width = self.of_trunk.shape
        self.of_trunk.copy_(torch.tensor([[*slots, *[0] * (width - len(slots))] for slots in by_trunk] + [[0] * width] * (trunks - len(by_trunk))))
        places = [by_trunk[member.trunk].index(slot) for slot, member in enumerate(members)]
        for target, values in (
            (self.own, [member.own for member in members]), (self.shared, [member.shared for member in members]),
            (self.trunk, [member.trunk for member in members]), (self.place, places),
        ):  # fmt: skip
            target.copy_(torch.tensor(values + [0] * (len(target) - len(values))))


class Batch:
    """Running sequences, one token each a step. Slots and trunks in use are the first ones: what leaves is replaced by the last."""

    def __init__(self, shape: Shape, *, roomy: bool = False) -> None:
        """`roomy`: sizes are rounded up, so that steps of the same form come again and again."""
        self._shape = shape
        self._roomy = roomy
        self._plans: dict[tuple[int, ...], _Plan] = {}
        self.generation = 0
        """Of its memory: what was at a place before a new one is there no more."""
        self.trunks, self.slots = shape.slab(0, 0), shape.slab(0, 0)

    def clear(self) -> None:
        """Numbers that are not finite would be seen through any mask."""
        self.trunks.zero_()
        self.slots.zero_()

    def clear_slot(self, slot: int) -> None:
        self.slots[:, :, slot].zero_()

    def clear_trunk(self, trunk: int) -> None:
        self.trunks[:, :, trunk].zero_()

    def reserve(self, *, trunks: int = 0, trunk_tokens: int = 0, slots: int = 0, slot_tokens: int = 0) -> None:
        """Room for that many of that length."""
        self.trunks = self._grown(self.trunks, trunks, trunk_tokens)
        self.slots = self._grown(self.slots, slots, slot_tokens)

    def _grown(self, slab: Tensor, rows: int, tokens: int) -> Tensor:
        now_rows, now_tokens = slab.shape[2], slab.shape[4]
        if rows <= now_rows and tokens <= now_tokens:
            return slab
        # by half again as well: a token at a time would copy all of it each step
        rows = now_rows if rows <= now_rows else max(rows, now_rows + now_rows // 2)
        tokens = now_tokens if tokens <= now_tokens else _rounded(max(tokens, now_tokens + now_tokens // 2))
        grown = self._shape.slab(rows, tokens)
        grown[:, :, :now_rows, :, :now_tokens] = slab
        self.generation += 1
        return grown

    def move_slot(self, source: int, target: int, tokens: int) -> None:
        self.slots[:, :, target, :, :tokens] = self.slots[:, :, source, :, :tokens]

    def move_trunk(self, source: int, target: int, tokens: int) -> None:
        self.trunks[:, :, target, :, :tokens] = self.trunks[:, :, source, :, :tokens]

    def arrange(self, members: Sequence[Member]) -> None:
        """Who takes part in the steps to come, in the order of the slots."""
        by_trunk: list[list[int]] = [[] for _ in range(max(member.trunk for member in members) + 1)]
        for slot, member in enumerate(members):
            by_trunk[member.trunk].append(slot)
        width = max(len(slots) for slots in by_trunk)
        alone = width == 1 and [member.trunk for member in members] == list(range(len(members)))
        rows, trunks, tokens = len(members), len(by_trunk), max(member.shared for member in members)
        if self._roomy:
            rows, trunks, width, tokens = _doubled(rows), _doubled(trunks), _doubled(width), _rounded(tokens)
            alone = alone and rows == trunks
        self.reserve(slots=rows, trunks=trunks, trunk_tokens=tokens)
        self._most_own = max(member.own for member in members)
        self._form = Form(rows, trunks, width, tokens, 0, all(member.shared == tokens for member in members) and rows == len(members), alone)
        self._plan = self._plans.get(self._form[:3]) or _Plan(self._form, self._shape.device)
        if self._roomy:
            self._plans[self._form[:3]] = self._plan
        self._plan.fill(members, by_trunk)

    def prepare(self, ids: Sequence[int]) -> Form:
        """One more token of each sequence; then `begin`, the model, and `end` hang on nothing but the form and what lies on the device."""
        self.reserve(slot_tokens=self._most_own + 1)
        self._form = self._form._replace(slot_tokens=_rounded(self._most_own + 1) if self._roomy else self._most_own + 1)
        self._plan.ids.copy_(torch.tensor([*ids, *[0] * (self._form.rows - len(ids))]))
        self._most_own += 1
        return self._form

    def lend(self, layers: Sequence[Any]) -> None:
        """Each layer's part of the memory: an index would be compiled for each layer."""
        for layer in layers:
            layer.slots, layer.trunks = self.slots[layer.layer_idx], self.trunks[layer.layer_idx]

    def begin(self) -> tuple[Tensor, Tensor]:
        """Ids and positions, [rows, 1]."""
        plan, form, device = self._plan, self._form, self._shape.device
        self._slot_places, self._trunk_places = torch.arange(form.slot_tokens, device=device), torch.arange(form.trunk_tokens, device=device)
        self._own_hidden = (self._slot_places > plan.own[:, None])[:, None]
        self._trunk_hidden = None if form.whole else self._trunk_places >= plan.shared[plan.of_trunk][..., None]
        self._positions = (plan.shared + plan.own)[:, None]
        return plan.ids[:, None], self._positions

    def end(self) -> None:
        self._plan.own.add_(1)

    @property
    def own(self) -> Tensor:
        """How many tokens the sequences have in their slots: what a step changes beside their keys and values."""
        return self._plan.own

    def __call__(self, layer: Any, query: Tensor, key: Tensor, value: Tensor, scaling: float, window: int | None) -> Tensor:
        form, plan = self._form, self._plan
        rows, heads, _, width = query.shape
        kv_heads, group = key.shape[1], heads // key.shape[1]
        slots = layer.slots
        slots[:, plan.row, :, plan.own] = torch.stack([key[:, :, 0], value[:, :, 0]], 1)
        own_key, own_value = (one[:rows, :, : form.slot_tokens].flatten(0, 1) for one in slots)
        trunk_key, trunk_value = (one[: form.trunks, :, : form.trunk_tokens].flatten(0, 1) for one in layer.trunks)

        query = (query[:, :, 0] * scaling).view(rows, kv_heads, group, width)
        hidden_trunk, hidden_own = self._hidden(window)
        own = _part(query.flatten(0, 1), own_key, own_value, hidden_own)
        trunk = _part(self._to_trunks(query), trunk_key, trunk_value, hidden_trunk)
        out = _together(_Part(*(one.view(rows, kv_heads, group, -1) for one in own)), _Part(*(self._from_trunks(one, group) for one in trunk)))
        return out.to(query.dtype).reshape(rows, heads, 1, width)

    def _hidden(self, window: int | None) -> tuple[Tensor | None, Tensor]:
        """True where a sequence does not look: [trunks, sequences of each, tokens] and [sequences, 1, tokens]. None: all look everywhere."""
        if window is None:
            return self._trunk_hidden, self._own_hidden
        oldest, shared, of_trunk = self._positions - window, self._plan.shared, self._plan.of_trunk
        own = self._own_hidden | (self._slot_places + shared[:, None] <= oldest)[:, None]
        return (self._trunk_places >= shared[of_trunk][..., None]) | (self._trunk_places <= oldest[of_trunk]), own

    def _to_trunks(self, x: Tensor) -> Tensor:
        """[sequences, kv heads, group, n] -> [trunks * kv heads, sequences of each * group, n]"""
        if self._form.alone:
            return x.flatten(0, 1)
        return x[self._plan.of_trunk].transpose(1, 2).reshape(self._form.trunks * x.shape[1], self._form.width * x.shape[2], x.shape[3])

    def _from_trunks(self, x: Tensor, group: int) -> Tensor:
        """And back."""
        form = self._form
        if form.alone:
            return x.view(form.rows, -1, group, x.shape[-1])
        return x.view(form.trunks, -1, form.width, group, x.shape[-1])[self._plan.trunk, :, self._plan.place]


class _Part(NamedTuple):
    """Attention over some of the tokens: what the softmax over all of them is put together from."""

    values: Tensor
    """[..., width], weighted and not yet divided."""
    sums: Tensor
    """[..., 1], of the weights."""
    largest: Tensor
    """[..., 1]"""


def _part(query: Tensor, key: Tensor, value: Tensor, hidden: Tensor | None) -> _Part:
    """
    `query` [rows * kv heads, sequences of each * group, width], `key` and `value` [rows * kv heads, tokens, width], `hidden` [rows, sequences of each,
    tokens].
    """
    scores = torch.bmm(query, key.mT).float()
    if hidden is not None:
        rows, sequences, tokens = hidden.shape
        scores.view(rows, -1, sequences, query.shape[1] // sequences, tokens).masked_fill_(hidden[:, None, :, None], _NOTHING)
    largest = scores.amax(-1, keepdim=True)
    weights = scores.sub_(largest).exp_()
    return _Part(torch.bmm(weights.to(value.dtype), value).float(), weights.sum(-1, keepdim=True), largest)


def _together(one: _Part, other: _Part) -> Tensor:
    largest = torch.maximum(one.largest, other.largest)
    scale, other_scale = (one.largest - largest).exp_(), (other.largest - largest).exp_()
    return (one.values * scale + other.values * other_scale) / (one.sums * scale + other.sums * other_scale)


def _doubled(count: int) -> int:
    """The next power of two."""
    return 1 << (count - 1).bit_length()


def _rounded(tokens: int, to: int = 64) -> int:
    return -(-tokens // to) * to
