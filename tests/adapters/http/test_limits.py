"""Turns, rates and pauses under a clock that moves only when waited on."""

from __future__ import annotations

import asyncio
from datetime import timedelta

import pytest

from calsync.adapters.http.limits import REMEMBERED_MAX, Limits, Share
from calsync.core.errors import TryLaterError
from tests.adapters.http.rude import SEEDED, StillClock


def limits(clock: StillClock, queue_s: float = 60, waiting_max: int = 1000) -> Limits:
    return Limits(clock=clock, random=SEEDED, queue_s=queue_s, waiting_max=waiting_max)


ONE = Share(of="a", parallel=1)
FIVE_A_SECOND = Share(of="a", parallel=100, per_second=5)


async def take(turns: Limits, *shares: Share) -> None:
    async with turns.turn(*shares):
        await asyncio.sleep(0)


async def test_no_more_than_parallel_are_inside_and_they_enter_in_order() -> None:
    turns, inside, order, most = limits(StillClock()), 0, list[int](), 0

    async def work(number: int) -> None:
        nonlocal inside, most
        async with turns.turn(Share(of="a", parallel=3)):
            inside += 1
            most = max(most, inside)
            order.append(number)
            await asyncio.sleep(0)
            inside -= 1

    await asyncio.gather(*(work(number) for number in range(20)))

    assert most == 3
    assert order == list(range(20))


async def test_a_rate_lets_a_burst_of_one_second_pass_and_then_one_at_a_time() -> None:
    clock = StillClock()
    turns, begun = limits(clock), clock.now()

    for _ in range(5):
        await take(turns, FIVE_A_SECOND)
    burst = clock.now() - begun
    for _ in range(10):
        await take(turns, FIVE_A_SECOND)

    assert burst == timedelta(0)
    assert (clock.now() - begun).total_seconds() == pytest.approx(2, abs=0.01)


async def test_a_slow_rate_waits_between_any_two() -> None:
    clock = StillClock()
    turns = limits(clock)

    for _ in range(3):
        await take(turns, Share(of="a", parallel=1, per_second=0.5))

    assert clock.slept == pytest.approx([2, 2])


async def test_a_clock_that_is_set_back_does_not_stop_the_rate() -> None:
    clock = StillClock()
    turns = limits(clock)
    for _ in range(5):
        await take(turns, FIVE_A_SECOND)

    clock.time -= timedelta(days=1)
    await take(turns, FIVE_A_SECOND)

    assert sum(clock.slept) < 1


async def test_N12_a_short_pause_is_waited_for_and_a_long_one_said_at_once() -> None:
    clock = StillClock()
    turns = limits(clock)

    turns.pause("a", 1)
    await take(turns, ONE)
    turns.pause("a", 100)
    with pytest.raises(TryLaterError) as caught:
        await take(turns, ONE)
    await take(turns, Share(of="b", parallel=1))
    await clock.sleep(101)
    await take(turns, ONE)

    assert 1 <= clock.slept[0] <= 1.1
    assert caught.value.wait_s is not None
    assert 100 <= caught.value.wait_s <= 101


async def test_N12_a_shorter_pause_does_not_end_a_longer_one_and_a_clock_set_back_does_not_lengthen_it() -> None:
    clock = StillClock()
    turns = limits(clock)
    turns.pause("a", 100)
    turns.pause("a", 5)

    clock.time -= timedelta(days=30)
    with pytest.raises(TryLaterError) as caught:
        await take(turns, ONE)

    assert caught.value.wait_s is not None
    assert 100 <= caught.value.wait_s <= 101


async def test_N25_waiting_is_bounded_in_time_and_number() -> None:
    turns = limits(StillClock(), queue_s=0.05, waiting_max=2)

    async with turns.turn(ONE):
        results = await asyncio.gather(*(take(turns, ONE) for _ in range(4)), return_exceptions=True)
    await take(turns, ONE)

    assert all(isinstance(result, TryLaterError) for result in results)
    assert sum("Too many" in str(result) for result in results) == 2


async def test_N25_one_busy_account_does_not_take_the_host_from_another() -> None:
    turns, order = limits(StillClock()), list[str]()
    host = Share(of="host", parallel=2)

    async def work(name: str) -> None:
        async with turns.turn(Share(of=name, parallel=1), host):
            order.append(name)
            await asyncio.sleep(0)

    await asyncio.gather(*(work("busy") for _ in range(10)), work("quiet"))

    assert "quiet" in order[:2]


async def test_a_rate_that_would_take_too_long_says_when_to_come_again() -> None:
    turns = limits(StillClock(), queue_s=1)
    slow = Share(of="a", parallel=5, per_second=0.01)

    await take(turns, slow)
    with pytest.raises(TryLaterError) as caught:
        await take(turns, slow)

    assert caught.value.wait_s == pytest.approx(100)


async def test_a_cancelled_wait_gives_its_place_back() -> None:
    turns = limits(StillClock())
    async with turns.turn(ONE):
        waiting = asyncio.create_task(take(turns, ONE))
        await asyncio.sleep(0)
        waiting.cancel()
        await asyncio.gather(waiting, return_exceptions=True)

    await asyncio.wait_for(take(turns, ONE), 1)


async def test_L4_idle_gates_and_past_pauses_are_forgotten() -> None:
    clock = StillClock()
    turns = limits(clock)

    for number in range(REMEMBERED_MAX + 10):
        turns.pause(f"p{number}", 1)
        await clock.sleep(2)
        await take(turns, Share(of=number, parallel=1))

    assert len(turns._gates) <= REMEMBERED_MAX
    assert len(turns._pauses) <= REMEMBERED_MAX
