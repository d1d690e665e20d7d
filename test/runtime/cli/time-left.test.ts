import assert from 'node:assert/strict';
import { test } from 'node:test';
import { roundLeft, TimeLeft } from '../../../runtime/cli/time-left.ts';

interface Told {
  now: number;
  left: number;
  truth: number;
}

/** Rollouts of random length through a fixed number of places; what is told every tenth of a second. */
function simulate({ planned, places, shortest, longest, seed }: { planned: number; places: number; shortest: number; longest: number; seed: number }): Told[] {
  let state = seed;
  const uniform = (): number => (state = (state * 48271) % 2147483647) / 2147483647;
  const busy = Array.from({ length: places }, () => 0);
  const ends = Array.from({ length: planned }, () => {
    const place = busy.indexOf(Math.min(...busy));
    return (busy[place]! += shortest + (longest - shortest) * uniform());
  });
  const total = Math.max(...ends);
  const told: Told[] = [];
  const timeLeft = new TimeLeft();
  for (let now = 0; now < total; now += 100) {
    const done = ends.filter((end) => end <= now).length;
    const left = timeLeft.estimate(now, { done, running: Math.min(places, planned - done), planned });
    if (left !== undefined) told.push({ now, left, truth: total - now });
  }
  return told;
}

for (const [name, settings] of Object.entries({
  'one after the other': { planned: 40, places: 1, shortest: 500, longest: 1_500 },
  'in waves': { planned: 160, places: 16, shortest: 3_000, longest: 4_000 },
  'very uneven': { planned: 200, places: 16, shortest: 200, longest: 10_000 },
})) {
  test(`time left is near the truth and does not jump: ${name}`, () => {
    for (const seed of [1, 7, 42, 1234]) {
      const told = simulate({ ...settings, seed });
      const total = told[0]!.now + told[0]!.truth;
      assert.ok(told[0]!.now < total * 0.25, `told from ${told[0]!.now} of ${total} on`);
      for (const [index, { now, left, truth }] of told.entries()) {
        assert.ok(Math.abs(left - truth) < total * (now < total / 2 ? 0.33 : 0.16), `seed ${seed}: ${left} told at ${now}, ${truth} is true`);
        const before = told[index - 1];
        if (before !== undefined) assert.ok(Math.abs(before.left - left) < total * 0.01, `seed ${seed}: from ${before.left} to ${left} at ${now}`);
      }
    }
  });
}

test('says nothing while there is too little to tell from, and nothing at the end', () => {
  const timeLeft = new TimeLeft();
  assert.equal(timeLeft.estimate(1_000, { done: 0, running: 8, planned: 40 }), undefined);
  assert.equal(timeLeft.estimate(2_000, { done: 3, running: 8, planned: 40 }), undefined);
  assert.notEqual(timeLeft.estimate(3_000, { done: 6, running: 8, planned: 40 }), undefined);
  assert.equal(timeLeft.estimate(9_000, { done: 40, running: 0, planned: 40 }), undefined);
});

test('what is far away is told coarsely', () => {
  assert.deepEqual([0, 400, 8_200, 31_000, 61_000, 301_000, 3_000_500].map(roundLeft), [1_000, 1_000, 9_000, 35_000, 70_000, 310_000, 3_060_000]);
});
