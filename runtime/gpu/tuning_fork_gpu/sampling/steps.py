"""One token more of each running sequence: by running the model, or by replaying a recording of that.

A step of a small batch is thousands of short kernels, and starting them takes longer than running them. A CUDA graph starts all of them at
once; it holds sizes and places fixed, so there is one for each form of the batch that comes often.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, nullcontext
from typing import Any, Protocol

import torch
from torch import Tensor
from transformers import PreTrainedModel

from ..device import ALONE, compile_in_place
from .slabs import Batch, Form

OFTEN = 3
"""Steps of a form from which on it is worth a recording."""
MOST_RECORDINGS = 32
"""The one not used for longest goes first."""
WIDE = 16
"""Sequences from which on compiling is worth the wait."""
PATIENCE = 3
"""Recordings that fail before no more are tried."""

Run = Callable[[], Tensor]


class Recorder(Protocol):
    def __call__(self, run: Run) -> Run:
        """Records `run` without doing it; what comes back does it, again and again, with what lies at the same places then."""
        ...


class CudaRecorder:
    """On the stream that steps are made on. `torch.cuda.graph` would wait for all that is trained meanwhile, and empty its memory."""

    def __init__(self) -> None:
        self._pool: Any = torch.cuda.graph_pool_handle()

    def __call__(self, run: Run) -> Run:
        graph = torch.cuda.CUDAGraph()
        graph.capture_begin(self._pool, capture_error_mode="thread_local")
        try:
            out = run()
        finally:
            self._end(graph)

        def replay() -> Tensor:
            graph.replay()
            return out

        return replay

    def _end(self, graph: torch.cuda.CUDAGraph) -> None:
        try:
            graph.capture_end()
        except RuntimeError:
            torch._C._cuda_endAllocateToPool(torch.cuda.current_device(), self._pool)  # or all that is allocated from now on asks the failed graph
            raise


class Steps:
    def __init__(self, model: PreTrainedModel, batch: Batch, recorder: Recorder | None, note: Callable[[str], None]) -> None:
        self._model = model
        self._batch = batch
        self._recorder = recorder
        self._compiles = model.device.type == "cuda"
        self._failures = 0
        self._seen: Counter[Form] = Counter()
        self._recordings: dict[Form, Run] = {}
        self._generation = -1
        self._note = note
        self._attentions = [module for module in model.modules() if hasattr(module, "layer_idx")]

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
        if self._seen[form] >= OFTEN and ALONE.acquire(blocking=False):
            try:
                self._record(form, self._recorder, logits)
            finally:
                ALONE.release()
        return logits

    def _run(self) -> Tensor:
        self._batch.lend(self._attentions)
        ids, positions = self._batch.begin()
        logits: Tensor = self._model(input_ids=ids, position_ids=positions, use_cache=False, logits_to_keep=1, slabs=self._batch).logits[:, 0]
        self._batch.end()
        return logits

    def _record(self, form: Form, recorder: Recorder, logits: Tensor) -> None:
        """What the recording gives for the step that was just made has to be what the model gave."""
        after = self._batch.own.clone()
        wide = self._compiles and form.rows >= WIDE
        try:
            with self._compiled() if wide else nullcontext():
                if wide:
                    self._batch.own.sub_(1)
                    self._run()  # compiles, and chooses kernels by trying them: nothing of that can be recorded
                recording = recorder(self._run)
            self._batch.own.sub_(1)
            replayed = recording()[: len(logits)]
            if not torch.allclose(replayed.float(), logits.float(), rtol=1e-2, atol=(5e-2 if wide else 1e-2) * float(logits.abs().max())):
                raise RuntimeError("a replayed step differs from the step")
            self._recordings[form] = recording
            if len(self._recordings) > MOST_RECORDINGS:
                del self._recordings[next(iter(self._recordings))]
        except Exception as error:
            self._give_up(wide, f"{type(error).__name__}: {error}")
        self._batch.own.copy_(after)

    @contextmanager
    def _compiled(self) -> Iterator[None]:
        """A third of the kernels. Only what is recorded: anything else changes its form too often."""
        layers = getattr(self._model.get_decoder(), "layers", ())
        try:
            for layer in layers:
                compile_in_place(layer)
            yield
        finally:
            for layer in layers:
                layer._compiled_call_impl = None

    def _give_up(self, wide: bool, why: str) -> None:
        self._failures += 1
        if wide:
            self._compiles = False
            self._note(f"Steps of sampling cannot be compiled here, so they are slower: {why}.")
        elif self._failures >= PATIENCE:  # another thread may have disturbed one
            self._recorder = None
            self._recordings.clear()
            self._note(f"Steps of sampling cannot be recorded here, so they are slower: {why}.")
