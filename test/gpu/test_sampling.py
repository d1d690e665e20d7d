"""The sampler against transformers' own model: what it computes, shares, and lets go of."""

from __future__ import annotations

import copy
import random
import threading
import time
from collections.abc import Sequence

import pytest
import torch
from sampled import PATIENCE, Answer, call_of, decoder, sample, sampler_of
from transformers import PreTrainedModel
from tuning_fork_gpu.sampling.cached import CachedSampler
from tuning_fork_gpu.sampling.choosing import Choice
from tuning_fork_gpu.sampling.opening import open_sampler, why_not_cached
from tuning_fork_gpu.sampling.plain import PlainSampler
from tuning_fork_gpu.sampling.sampler import Limits
from tuning_fork_gpu.sampling.steps import Run

CHANCE = random.Random(3)
GREEDY = Choice(temperature=0)


def words(count: int) -> list[int]:
    return [CHANCE.randrange(40) for _ in range(count)]


def logprobs_of(model: PreTrainedModel, prompt: Sequence[int], answer: Answer, temperature: float = 1.0) -> torch.Tensor:
    """What the model says of an answer in one pass, without any cache."""
    ids = torch.tensor([[*prompt, *answer.ids]])
    with torch.no_grad():
        logits = model(ids).logits[0, len(prompt) - 1 : -1] / temperature
    return logits.log_softmax(-1).gather(1, torch.tensor(answer.ids)[:, None])[:, 0]


def gap(model: PreTrainedModel, prompt: Sequence[int], answer: Answer, temperature: float = 1.0) -> float:
    return float((logprobs_of(model, prompt, answer, temperature) - torch.tensor(answer.logprobs)).abs().max())


@pytest.mark.parametrize("kind", ["qwen2", "llama", "qwen3"])
def test_greedy_is_what_generate_gives(kind: str) -> None:
    model = decoder(kind)
    sampler = sampler_of(model)
    prompts = [words(count) for count in (5, 17, 1, 30, 17)]
    answers = sample(sampler, prompts, tokens=20, choice=GREEDY)
    sampler.close()
    for prompt, answer in zip(prompts, answers, strict=True):
        expected = model.generate(torch.tensor([prompt]), attention_mask=torch.ones(1, len(prompt)), max_new_tokens=20, do_sample=False, eos_token_id=None, pad_token_id=0)
        assert answer.ids == expected[0, len(prompt) :].tolist()
        assert (answer.finish, answer.version) == ("length", 0)


@pytest.mark.parametrize("kind", ["qwen2", "llama", "qwen3", "mistral"])
def test_told_logprobs_are_the_models(kind: str) -> None:
    model = decoder(kind, **({"sliding_window": 7} if kind == "mistral" else {}))
    sampler = sampler_of(model)
    shared = words(40)
    prompts = [shared, shared, shared[:25] + words(10), words(3), shared[:30], words(50)]
    for temperature in (1.0, 0.6):
        for prompt, answer in zip(prompts, sample(sampler, prompts, tokens=24, choice=Choice(temperature)), strict=True):
            assert gap(model, prompt, answer, temperature) < 1e-4
    sampler.close()


def test_the_same_alone_and_among_15_others() -> None:
    model = decoder()
    sampler = sampler_of(model, cache_bytes=0)
    prompt = words(21)
    (alone,) = sample(sampler, [prompt], tokens=40)
    among = sample(sampler, [prompt, *(words(CHANCE.randrange(1, 60)) for _ in range(15))], tokens=40)[0]
    sampler.close()
    assert among.ids == alone.ids
    torch.testing.assert_close(torch.tensor(among.logprobs), torch.tensor(alone.logprobs), atol=1e-5, rtol=0)


def test_a_prompt_is_computed_once_for_its_group() -> None:
    sampler = sampler_of(decoder())
    prompt = words(60)
    answers = sample(sampler, [prompt] * 8, tokens=10)
    assert sampler.stats.prefilled == 60
    assert [answer.cached for answer in answers] == [0] + [60] * 7
    assert len({tuple(answer.ids) for answer in answers}) > 1
    assert sampler.stats.steps < 2 * 9  # they run together, however they arrive
    sampler.close()


def test_a_conversation_goes_on_from_what_was_kept() -> None:
    model = decoder()
    sampler = sampler_of(model)
    prompt = words(30)
    first = sample(sampler, [prompt] * 4, tokens=10)
    turns = [prompt + answer.ids + words(5) for answer in first]
    before = sampler.stats.prefilled
    second = sample(sampler, turns, tokens=10, first_key=100)
    # the last token of an answer was sampled, and not run
    assert all(answer.cached >= 39 for answer in second)
    assert sampler.stats.prefilled - before <= 4 * 6
    for turn, answer in zip(turns, second, strict=True):
        assert gap(model, turn, answer) < 1e-4
    sampler.close()


def test_kept_or_computed_anew_the_logprobs_are_the_same() -> None:
    model = decoder()
    keeping, forgetting = sampler_of(model), sampler_of(model, cache_bytes=0)
    prompt = words(33)
    sample(keeping, [prompt, prompt[:20] + words(9)])
    (kept,) = sample(keeping, [prompt], tokens=30)
    (anew,) = sample(forgetting, [prompt], tokens=30)
    assert (kept.cached, anew.cached) == (33, 0)
    assert kept.ids == anew.ids
    torch.testing.assert_close(torch.tensor(kept.logprobs), torch.tensor(anew.logprobs), atol=1e-5, rtol=0)
    keeping.close()
    forgetting.close()


def test_little_memory_and_small_chunks_change_nothing() -> None:
    model = decoder()
    prompts = [words(CHANCE.randrange(1, 70)) for _ in range(12)]
    prompts += [prompts[0], prompts[1] + words(3)]
    roomy, tight = sampler_of(model), sampler_of(model, batch=3, cache_bytes=20_000, prefill_tokens=7)
    for one, other in zip(sample(roomy, prompts), sample(tight, prompts), strict=True):
        assert one.ids == other.ids
        torch.testing.assert_close(torch.tensor(one.logprobs), torch.tensor(other.logprobs), atol=1e-5, rtol=0)
    assert tight._cache.bytes <= 20_000
    roomy.close()
    tight.close()


def test_calls_that_come_and_go_at_any_time() -> None:
    """Slots and trunks move about; every answer is still its own."""
    model = decoder()
    sampler = sampler_of(model, batch=6)
    heads = [words(25) for _ in range(4)]
    prompts = [CHANCE.choice(heads)[: CHANCE.randrange(1, 26)] + words(CHANCE.randrange(8)) for _ in range(40)]
    answers = [Answer() for _ in prompts]
    for index, (prompt, answer) in enumerate(zip(prompts, answers, strict=True)):
        sampler.submit(call_of(prompt or [1], answer, CHANCE.randrange(1, 40), index))
        time.sleep(0.002)
    for prompt, answer in zip(prompts, answers, strict=True):
        assert answer.over.wait(PATIENCE)
        assert gap(model, prompt or [1], answer) < 1e-4
    assert sampler.running == 0
    sampler.close()


def test_stops_where_it_is_told_to() -> None:
    sampler = sampler_of(decoder())
    prompt = words(9)
    (long,) = sample(sampler, [prompt], tokens=30)
    stop = long.ids[11]
    (short,) = sample(sampler, [prompt], tokens=30, stop=[stop])
    assert short.ids == long.ids[: long.ids.index(stop) + 1]
    assert short.finish == "stop"
    (one,) = sample(sampler, [prompt], tokens=1)
    assert (one.ids, one.finish) == (long.ids[:1], "length")
    sampler.close()


def test_the_same_key_samples_the_same() -> None:
    sampler = sampler_of(decoder())
    prompt = words(9)
    first, again, other = (sample(sampler, [prompt], tokens=20, first_key=key)[0].ids for key in (5, 5, 6))
    assert first == again != other
    sampler.close()


def test_a_cancelled_call_is_told_nothing_more_and_frees_its_slot() -> None:
    sampler = sampler_of(decoder(max_position_embeddings=4096))
    answer, waiting = Answer(), Answer()
    call = call_of(words(5), answer, 3000)
    sampler.submit(call)
    assert answer.begun.wait(PATIENCE)
    sampler.cancel(call)
    told = len(answer.ids)
    gone = call_of(words(5), waiting, 3000)
    gone.cancelled = True
    sampler.submit(gone)
    deadline = time.monotonic() + PATIENCE
    while sampler.running and time.monotonic() < deadline:
        time.sleep(0.01)
    assert sampler.running == 0
    assert len(answer.ids) <= told + 1 and not waiting.ids
    assert len(sample(sampler, [words(4)])[0].ids) == 12
    sampler.close()


def test_new_weights_wait_for_running_calls_and_drop_what_was_kept() -> None:
    model, other = decoder(), decoder(initializer_range=0.3)
    sampler = sampler_of(model)
    own = sampler._model
    answer, prompt = Answer(), words(12)
    sampler.submit(call_of(prompt, answer, 60))
    assert answer.begun.wait(PATIENCE)
    with torch.no_grad():
        for weight in other.parameters():
            weight.mul_(1.1)
    sampler.swap(lambda: own.load_state_dict(other.state_dict()) and None, version=3)
    assert (len(answer.ids), answer.finish, answer.version) == (60, "length", 0)
    (after,) = sample(sampler, [prompt], tokens=20)
    assert (after.version, after.cached) == (3, 0)
    assert gap(other, prompt, after) < 1e-4
    sampler.close()


def test_a_call_that_runs_too_long_for_new_weights_is_dropped() -> None:
    sampler = sampler_of(decoder(max_position_embeddings=40_000))
    answer, later = Answer(), Answer()
    sampler.submit(call_of(words(5), answer, 30_000))
    assert answer.begun.wait(PATIENCE)
    swapping = threading.Thread(target=lambda: sampler.swap(lambda: None, version=1, wait=0.05))
    swapping.start()
    sampler.submit(call_of(words(6), later, 5))
    swapping.join(PATIENCE)
    assert answer.over.wait(PATIENCE)
    assert answer.refusal is not None and "dropped" in answer.refusal.message and answer.refusal.next == "Send it again."
    assert later.over.wait(PATIENCE)
    assert later.version == 1 or later.finish == "length"
    sampler.close()


def test_weights_that_cannot_be_read_are_told_to_whoever_swaps() -> None:
    sampler = sampler_of(decoder())

    def refuse() -> None:
        raise OSError("gone")

    with pytest.raises(OSError, match="gone"):
        sampler.swap(refuse, version=1)
    assert sampler.version == 0
    assert len(sample(sampler, [words(4)])[0].ids) == 12
    sampler.close()


def test_logits_that_are_not_finite_are_a_sentence() -> None:
    model = decoder()
    torch.nn.init.constant_(model.model.norm.weight, torch.nan)
    sampler = sampler_of(model)
    (answer,) = sample(sampler, [words(4)])
    assert answer.refusal is not None and answer.refusal.code == "non-finite" and "token 1 of this answer" in answer.refusal.message
    sampler.close()


def test_numbers_that_are_not_finite_stay_with_their_call() -> None:
    """They would be seen through any mask by who comes to the same place later."""
    model = decoder()

    def no_recorder(run: Run) -> Run:
        raise RuntimeError("none here")

    sampler = CachedSampler(copy.deepcopy(model), Limits(batch=1), recorder=no_recorder)  # its steps see the places behind a sequence, and mask them
    (plain,) = sample(sampler, [[1, 2, 3]], tokens=30)
    unlucky = plain.ids[20]

    def overflow(_: torch.nn.Module, given: tuple[torch.Tensor], out: torch.Tensor) -> torch.Tensor:
        return out.masked_fill((given[0] == unlucky)[..., None], torch.nan)

    sampler._model.get_input_embeddings().register_forward_hook(overflow)
    fine = 0
    for key in range(1, 20):
        (bad,) = sample(sampler, [[1, 2, 3]], tokens=30)
        assert bad.refusal is not None and bad.refusal.code == "non-finite"
        prompt = [4, 5, key]
        (good,) = sample(sampler, [prompt], tokens=3, first_key=key)
        if unlucky not in [*prompt, *good.ids[:2]]:
            assert good.finish == "length" and gap(model, prompt, good) < 1e-4
            fine += 1
    assert fine > 5
    sampler.close()


def test_a_model_that_fails_fails_its_calls_and_no_others() -> None:
    sampler = sampler_of(decoder())

    def unlucky(_: torch.nn.Module, given: tuple[torch.Tensor]) -> None:
        if (given[0] == 13).any():
            raise RuntimeError("unlucky")

    sampler._model.get_input_embeddings().register_forward_pre_hook(unlucky)
    (answer,) = sample(sampler, [[1, 13]])
    assert answer.refusal is not None and answer.refusal.status == 500 and "unlucky" in answer.refusal.message
    assert sample(sampler, [[1, 2]], tokens=1)[0].finish == "length"
    sampler.close()


def test_where_memory_ends_those_that_came_first_go_on() -> None:
    model = decoder()
    sampler = sampler_of(model)

    def full(_: torch.nn.Module, given: tuple[torch.Tensor]) -> None:
        if given[0].shape[0] > 2:
            raise torch.OutOfMemoryError("full")

    sampler._model.get_input_embeddings().register_forward_pre_hook(full)
    prompt = words(8)
    answers = sample(sampler, [prompt] * 7)
    kept = [answer for answer in answers if answer.refusal is None]
    assert 1 <= len(kept) <= 2
    assert all(len(answer.ids) == 12 and gap(model, prompt, answer) < 1e-4 for answer in kept)
    assert all("memory" in answer.refusal.message and answer.refusal.status == 503 for answer in answers if answer.refusal is not None)
    sampler.close()


def test_closing_tells_everyone_who_waits() -> None:
    sampler = sampler_of(decoder(max_position_embeddings=40_000), batch=1)
    answers = [Answer(), Answer()]
    for answer in answers:
        sampler.submit(call_of(words(5), answer, 30_000))
    sampler.close()
    for answer in answers:
        assert answer.over.wait(PATIENCE) and answer.refusal is not None and "shutting down" in answer.refusal.message


def test_what_has_another_attention_is_run_without_a_cache_and_said_so() -> None:
    capped = decoder("gemma2", head_dim=8, attn_logit_softcapping=2.0, query_pre_attn_scalar=8, sliding_window=16)
    notes: list[str] = []
    sampler = open_sampler(copy.deepcopy(capped), note=notes.append)
    assert isinstance(sampler, PlainSampler) and "gemma2 is not the plain one" in notes[0]
    prompts = [words(count) for count in (3, 30, 9)]
    for prompt, answer in zip(prompts, sample(sampler, prompts, tokens=20, choice=Choice(0.7)), strict=True):
        assert gap(capped, prompt, answer, 0.7) < 1e-4
    sampler.swap(lambda: None, version=4)
    assert sample(sampler, prompts)[0].version == 4
    answer = Answer()
    call = call_of(words(5), answer, 100)
    sampler.submit(call)
    assert answer.begun.wait(PATIENCE)
    sampler.cancel(call)
    sampler.close()


@pytest.mark.parametrize("kind", ["qwen2", "llama", "qwen3", "mistral", "gpt2"])
def test_plain_attention_is_known_by_trying(kind: str) -> None:
    assert why_not_cached(decoder(kind, **({"num_key_value_heads": 4} if kind == "gpt2" else {}))) is None


def test_anything_at_any_time() -> None:
    """Little room, prompts that share, cancelled calls, new versions: whoever is answered is answered rightly, and everyone is."""
    model = decoder()
    sampler = sampler_of(model, batch=5, cache_bytes=40_000, prefill_tokens=40, batch_bytes=200_000)
    chance = random.Random(2)
    heads = [[chance.randrange(40) for _ in range(chance.randrange(1, 60))] for _ in range(5)]
    calls = []
    for key in range(160):
        head = chance.choice(heads)
        prompt = head[: chance.randrange(1, len(head) + 1)] + [chance.randrange(40) for _ in range(chance.randrange(6))]
        choice = Choice(chance.choice([0, 0.7, 1]), top=chance.choice([0, 3]))
        calls.append((prompt, answer := Answer(), call := call_of(prompt, answer, chance.randrange(1, 40), key, choice, [key % 40])))
        sampler.submit(call)
        if chance.random() < 0.1:
            sampler.cancel(chance.choice(calls[-5:])[2])
        if chance.random() < 0.05:
            sampler.swap(lambda: None, version=key, wait=chance.choice([0.0, 0.01, 5.0]))
    for prompt, answer, call in calls:
        if call.cancelled:
            continue
        assert answer.over.wait(PATIENCE)
        if answer.refusal is None:
            assert gap(model, prompt, answer, call.choice.temperature or 1.0) < 1e-4
        else:
            assert "dropped" in answer.refusal.message
    sampler.close()
