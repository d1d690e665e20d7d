"""How tokens are chosen: the numbers drawn, the filters, and what is told of them."""

from __future__ import annotations

import math

import numpy as np
import pytest
import torch
from tuning_fork_gpu.sampling.choosing import UNLIKELY, Choice, Chooser, Chosen
from tuning_fork_gpu.sampling.randomness import TokenRandom, philox4x32, uniforms

CPU = torch.device("cpu")
DRAWS = 20_000


def choose(logits: torch.Tensor, choice: Choice, uniform: float) -> Chosen | None:
    return Chooser([choice], len(logits), CPU).draw(logits[None], [uniform])[0]


def test_philox_gives_the_published_numbers() -> None:
    def words(*numbers: int) -> tuple[np.ndarray, ...]:
        return tuple(np.array([number], np.uint64) for number in numbers)

    def hexadecimal(*given: int, key: tuple[int, int]) -> list[str]:
        return [f"{int(word[0]):08x}" for word in philox4x32(words(*given), key)]

    # known answers of Random123
    assert hexadecimal(0, 0, 0, 0, key=(0, 0)) == ["6627e8d5", "e169c58d", "bc57ac4c", "9b00dbd8"]
    all_ones = 0xFFFFFFFF
    assert hexadecimal(*[all_ones] * 4, key=(all_ones, all_ones)) == ["408f276d", "41c83b0e", "a20bc7c6", "6d5451fd"]
    assert hexadecimal(0x243F6A88, 0x85A308D3, 0x13198A2E, 0x03707344, key=(0xA4093822, 0x299F31D0)) == ["d16cfe09", "94fdcceb", "5001e420", "24126ea1"]


def test_numbers_do_not_hang_on_the_order_they_are_asked_for() -> None:
    random = TokenRandom(2**63 + 12345)
    there = [random.uniform(token) for token in range(600)]
    back = [random.uniform(token) for token in reversed(range(600))]
    assert there == back[::-1] == uniforms(2**63 + 12345, 0, 600).tolist()


@pytest.mark.parametrize("vocabulary", [7, 40, 256, 1000])
@pytest.mark.parametrize("choice", [Choice(), Choice(0.7), Choice(1.0, 0.8), Choice(1.0, 1.0, 5), Choice(1.3, 0.6, 6)])
def test_what_is_drawn_has_the_distribution_that_is_told(vocabulary: int, choice: Choice) -> None:
    logits = torch.randn(vocabulary, generator=torch.Generator().manual_seed(vocabulary)) * 2
    expected = (logits.double() / choice.temperature).softmax(-1)
    order = expected.argsort(descending=True)
    kept = order[: choice.top_k or vocabulary]
    mass = expected[kept].cumsum(0) / (expected[kept].sum() if choice.top_k else 1)
    kept = kept[: int((mass < choice.top_p).sum()) + 1]
    cut = torch.zeros_like(expected)
    cut[kept] = expected[kept] / expected[kept].sum()

    chooser = Chooser([choice] * 100, vocabulary, CPU)
    counts = torch.zeros(vocabulary, dtype=torch.float64)
    numbers = uniforms(1, 0, DRAWS).tolist()
    for start in range(0, DRAWS, 100):
        for chosen in chooser.draw(logits.expand(100, -1), numbers[start : start + 100]):
            assert chosen is not None and math.isclose(chosen.logprob, math.log(cut[chosen.id]), abs_tol=1e-5)
            counts[chosen.id] += 1
        if choice.top_p < 1 or choice.top_k:
            if start >= 2000:
                break
    drawn = counts.sum()
    likely = cut * drawn >= 5
    square = ((counts - cut * drawn) ** 2 / (cut * drawn))[likely].sum()
    freedom = int(likely.sum()) - 1
    assert square < freedom + 4 * math.sqrt(2 * freedom) + 4
    assert counts[cut == 0].sum() == 0


def test_the_number_falls_where_the_running_sum_says() -> None:
    logits = torch.tensor([0.1, 0.2, 0.3, 0.4]).log()
    assert [choose(logits, Choice(), uniform).id for uniform in (0.0, 0.09, 0.11, 0.29, 0.31, 0.59, 0.61, 1 - 2**-53)] == [0, 0, 1, 1, 2, 2, 3, 3]
    # cut, the likeliest come first
    assert [choose(logits, Choice(1.0, 0.65), uniform).id for uniform in (0.0, 0.56, 0.58, 0.99)] == [3, 3, 2, 2]


def test_greedy_is_told_at_temperature_1() -> None:
    logits = torch.tensor([1.0, 3.0, 2.0])
    chosen = choose(logits, Choice(0, 0.1, 1, 2), 0.99)
    assert chosen.id == 1 and chosen.top[0] == [1, 2]
    torch.testing.assert_close(torch.tensor(chosen.top[1]), logits.log_softmax(-1)[[1, 2]])
    assert chosen.logprob == chosen.top[1][0]


def test_alternatives_that_are_cut_are_told_so() -> None:
    logits = torch.tensor([0.1, 0.2, 0.3, 0.4]).log()
    chosen = choose(logits, Choice(1.0, 1.0, 2, 4), 0.0)
    assert chosen.top[0] == [3, 2, 1, 0]
    torch.testing.assert_close(torch.tensor(chosen.top[1]), torch.tensor([math.log(4 / 7), math.log(3 / 7), UNLIKELY, UNLIKELY]))
    assert len(choose(logits, Choice(top=100), 0.0).top[0]) == 4


@pytest.mark.parametrize("bad", [math.nan, math.inf, -math.inf])
def test_a_row_that_is_not_finite_harms_no_other(bad: float) -> None:
    logits = torch.randn(3, 50)
    logits[1, 7] = bad
    chosen = Chooser([Choice(), Choice(top_p=0.5, top=3), Choice()], 50, CPU).draw(logits, [0.3, 0.3, 0.3])
    assert chosen[1] is None and chosen[0] is not None and chosen[2] is not None


def test_many_are_kept_where_all_are_alike() -> None:
    chosen = choose(torch.zeros(5000), Choice(1.0, 0.99), 0.999)
    assert math.isclose(chosen.logprob, -math.log(4950), abs_tol=1e-4)
