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
from torch import Tensor, nn
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
        return Shape(config.num_hidden_layers, config.num_key_value_heads, width, model.dtype, model.device)

    @property
    def bytes(self) -> int:
        return 2 * self.layers * self.heads * self.width * self.dtype.itemsize

    def slab(self, rows: int, tokens: int) -> Tensor:
        """[layers, 2, rows, heads, tokens, width], zeroed: what is masked is multiplied by 0, and must be finite."""
        return torch.zeros(self.layers, 2, rows, self.heads, tokens, self.width, dtype=self.dtype, device=self.device)


class Attention(Protocol):
    """Given to the model's layers by the name `slabs`: keeps the new keys and values, and attends. All are [rows, heads, tokens, width]."""

    def __call__(self, layer: int, query: Tensor, key: Tensor, value: Tensor, scaling: float, window: int | None) -> Tensor: ...


def attend(
    module: nn.Module, query: Tensor, key: Tensor, value: Tensor, attention_mask: Tensor | None, *,
    scaling: float, slabs: Attention, sliding_window: int | None = None, **_: Any,
) -> tuple[Tensor, None]:  # fmt: skip
    return slabs(module.layer_idx, query, key, value, scaling, sliding_window).transpose(1, 2), None


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

    def __call__(self, layer: int, query: Tensor, key: Tensor, value: Tensor, scaling: float, window: int | None) -> Tensor:
        slab = self.slab[layer]
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


class Batch:
    """Running sequences, one token each a step. Slots and trunks in use are the first ones: what leaves is replaced by the last."""

    def __init__(self, shape: Shape) -> None:
        self._shape = shape
        self.trunks = shape.slab(0, 0)
        self.slots = shape.slab(0, 0)

    @property
    def bytes(self) -> int:
        return self.trunks.nbytes + self.slots.nbytes

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
        return grown

    def release(self) -> None:
        """Gives back what nothing runs in."""
        self.trunks, self.slots = self._shape.slab(0, 0), self._shape.slab(0, 0)

    def move_slot(self, source: int, target: int, tokens: int) -> None:
        self.slots[:, :, target, :, :tokens] = self.slots[:, :, source, :, :tokens]

    def move_trunk(self, source: int, target: int, tokens: int) -> None:
        self.trunks[:, :, target, :, :tokens] = self.trunks[:, :, source, :, :tokens]

    def arrange(self, members: Sequence[Member]) -> None:
        """Who takes part in the steps to come, in the order of the slots."""
        device = self._shape.device
        count = max(member.trunk for member in members) + 1
        by_trunk: list[list[int]] = [[] for _ in range(count)]
        for slot, member in enumerate(members):
            by_trunk[member.trunk].append(slot)
        width = max(len(slots) for slots in by_trunk)
        self._of_trunk = torch.tensor([slots + [0] * (width - len(slots)) for slots in by_trunk], device=device)
        self._trunk = torch.tensor([member.trunk for member in members], device=device)
        self._place = torch.tensor([by_trunk[member.trunk].index(slot) for slot, member in enumerate(members)], device=device)
        self._alone = width == 1 and [member.trunk for member in members] == list(range(len(members)))
        self._row = torch.arange(len(members), device=device)
        self._own = torch.tensor([member.own for member in members], device=device)
        self._shared = torch.tensor([member.shared for member in members], device=device)
        self._trunk_tokens = max(member.shared for member in members)
        self._most_own = max(member.own for member in members)
        self._trunk_places = torch.arange(self._trunk_tokens, device=device)
        whole = all(member.shared == self._trunk_tokens for member in members)
        self._trunk_hidden = None if whole else self._trunk_places >= self._shared[self._of_trunk][..., None]

    @property
    def positions(self) -> Tensor:
        """[sequences, 1]"""
        return (self._shared + self._own)[:, None]

    def begin(self) -> None:
        """One more token of each sequence."""
        self.reserve(slot_tokens=self._most_own + 1)
        self._slot_tokens = self._most_own + 1
        self._slot_places = torch.arange(self._slot_tokens, device=self._shape.device)
        self._own_hidden = (self._slot_places > self._own[:, None])[:, None]

    def end(self) -> None:
        self._own += 1
        self._most_own += 1

    def __call__(self, layer: int, query: Tensor, key: Tensor, value: Tensor, scaling: float, window: int | None) -> Tensor:
        rows, heads, _, width = query.shape
        kv_heads, group = key.shape[1], heads // key.shape[1]
        slots = self.slots[layer]
        slots[0].transpose(1, 2)[self._row, self._own] = key[:, :, 0]
        slots[1].transpose(1, 2)[self._row, self._own] = value[:, :, 0]
        own_key, own_value = (one[:rows, :, : self._slot_tokens].flatten(0, 1) for one in slots)
        trunks = self.trunks[layer][:, : len(self._of_trunk), :, : self._trunk_tokens]
        trunk_key, trunk_value = (one.flatten(0, 1) for one in trunks)

        query = (query[:, :, 0] * scaling).view(rows, kv_heads, group, width)
        hidden_trunk, hidden_own = self._hidden(window)
        own = _part(query.flatten(0, 1), own_key, own_value, hidden_own)
        trunk = _part(self._to_trunks(query), trunk_key, trunk_value, hidden_trunk)
        out = _together(_Part(*(one.view(rows, kv_heads, group, -1) for one in own)), _Part(*(self._from_trunks(one, rows, group) for one in trunk)))
        return out.to(query.dtype).reshape(rows, heads, 1, width)

    def _hidden(self, window: int | None) -> tuple[Tensor | None, Tensor]:
        """True where a sequence does not look: [trunks, sequences of each, tokens] and [sequences, 1, tokens]. None: all look everywhere."""
        if window is None:
            return self._trunk_hidden, self._own_hidden
        oldest = self.positions - window
        own = self._own_hidden | (self._slot_places + self._shared[:, None] <= oldest)[:, None]
        return (self._trunk_places >= self._shared[self._of_trunk][..., None]) | (self._trunk_places <= oldest[self._of_trunk]), own

    def _to_trunks(self, x: Tensor) -> Tensor:
        """[sequences, kv heads, group, n] -> [trunks * kv heads, sequences of each * group, n]"""
        if self._alone:
            return x.flatten(0, 1)
        trunks, width = self._of_trunk.shape
        return x[self._of_trunk].transpose(1, 2).reshape(trunks * x.shape[1], width * x.shape[2], x.shape[3])

    def _from_trunks(self, x: Tensor, rows: int, group: int) -> Tensor:
        """And back."""
        if self._alone:
            return x.view(rows, -1, group, x.shape[-1])
        trunks, width = self._of_trunk.shape
        return x.view(trunks, -1, width, group, x.shape[-1])[self._trunk, :, self._place]


class _Part(NamedTuple):
    """Attention over some of the tokens: what the softmax over all of them is put together from."""

    values: Tensor
    """[..., width], weighted and not yet divided."""
    sums: Tensor
    """[..., 1], of the weights."""
    largest: Tensor
    """[..., 1]"""


def _part(query: Tensor, key: Tensor, value: Tensor, hidden: Tensor | None) -> _Part:
    """`query` [rows * kv heads, sequences of each * group, width], `key` and `value` [rows * kv heads, tokens, width], `hidden` [rows, sequences of each, tokens]."""
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


def _rounded(tokens: int, to: int = 64) -> int:
    return -(-tokens // to) * to
