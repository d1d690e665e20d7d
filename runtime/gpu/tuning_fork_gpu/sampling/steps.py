"""One token more of each running sequence: by running the model, or by replaying a recording of that.

A step of a small batch is thousands of short kernels, and starting them takes longer than running them. A CUDA graph starts all of them at
once; it holds sizes and places fixed, so there is one for each form of the batch that comes often.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Sequence
from typing import Any, Protocol

import torch
from torch import Tensor
from transformers import PreTrainedModel

from .slabs import Batch, Form

OFTEN = 3
"""Steps of a form from which on it is worth a recording."""
MOST_RECORDINGS = 32
"""The one not used for longest goes first."""

Run = Callable[[], Tensor]


class Recorder(Protocol):
    def __call__(self, run: Run) -> Run:
        """Records `run` without doing it; what comes back does it, again and again, with what lies at the same places then."""
        ...


class CudaRecorder:
    def __init__(self) -> None:
        self._pool: Any = torch.cuda.graph_pool_handle()

    def __call__(self, run: Run) -> Run:
        graph = torch.cuda.CUDAGraph()
        # others may use the device meanwhile
        with torch.cuda.graph(graph, pool=self._pool, capture_error_mode="thread_local"):
            out = run()

        def replay() -> Tensor:
            graph.replay()
            return out

        return replay


class Steps:
    def __init__(self, model: PreTrainedModel, batch: Batch, recorder: Recorder | None, note: Callable[[str], None]) -> None:
        self._model = model
        self._batch = batch
        self._recorder = recorder
        self._seen: Counter[Form] = Counter()
        self._recordings: dict[Form, Run] = {}
        self._generation = -1
        self._note = note

    def __call__(self, ids: Sequence[int]) -> Tensor:
        """The logits after `ids`, one of each sequence: [rows, vocabulary]."""
        form = self._batch.prepare(ids)
        if self._recorder is None:
            return self._run()[: len(ids)]
        if self._generation != self._batch.generation:
            self._recordings.clear()
            self._generation = self._batch.generation
        recording = self._recordings.pop(form, None)
        if recording is not None:
            self._recordings[form] = recording
            return recording()[: len(ids)]
        logits = self._run()[: len(ids)]
        self._seen[form] += 1
        if self._seen[form] >= OFTEN:
            self._record(form, self._recorder, logits)
        return logits

    def _run(self) -> Tensor:
        ids, positions = self._batch.begin()
        logits: Tensor = self._model(input_ids=ids, position_ids=positions, use_cache=False, logits_to_keep=1, slabs=self._batch).logits[:, 0]
        self._batch.end()
        return logits

    def _record(self, form: Form, recorder: Recorder, logits: Tensor) -> None:
        """What the recording gives for the step that was just made has to be what the model gave."""
        after = self._batch.own.clone()
        try:
            recording = recorder(self._run)
            self._batch.own.sub_(1)
            replayed = recording()[: len(logits)]
            if not torch.allclose(replayed.float(), logits.float(), rtol=1e-2, atol=1e-2 * float(logits.abs().max())):
                raise RuntimeError("a replayed step differs from the step")
            self._recordings[form] = recording
            if len(self._recordings) > MOST_RECORDINGS:
                del self._recordings[next(iter(self._recordings))]
        except Exception as error:
            self._recorder = None
            self._recordings.clear()
            self._note(f"Steps of sampling cannot be recorded here, so they are slower: {type(error).__name__}: {error}.")
        self._batch.own.copy_(after)
