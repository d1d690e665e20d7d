import assert from 'node:assert/strict';
import { test } from 'node:test';
import { after, distances, FrozenLake, goal, lakeOf, maxMoves, moves, splitOfLake } from '../../../examples/frozenlake/environment.ts';
import { parseMove, userMessage } from '../../../examples/frozenlake/prompt.ts';

test('a seed has one lake, and it can be crossed with moves to spare', () => {
  for (let seed = 0; seed < 200; seed++) {
    const lake = lakeOf(seed);
    assert.deepEqual(lake, lakeOf(seed));
    assert.ok(distances(lake.holes).get(lake.start)! < maxMoves);
    assert.ok(!lake.holes.has(goal) && !lake.holes.has(lake.start));
  }
});

test('lakes of training, validation and lessons are others', () => {
  for (let seed = 0; seed < 100; seed++) {
    assert.equal(splitOfLake(lakeOf(seed)), 'training');
    assert.equal(splitOfLake(lakeOf(1_000_000 + seed)), 'validation');
    assert.equal(splitOfLake(lakeOf(seed, 'lessons')), 'lessons');
  }
});

test('the shortest way reaches the goal and its reward', () => {
  for (let seed = 0; seed < 50; seed++) {
    const game = new FrozenLake(seed);
    const distance = distances(game.lake.holes);
    game.reset();
    let at = game.lake.start;
    for (;;) {
      const move = moves.find((each) => distance.get(after(at, each)) === distance.get(at)! - 1)!;
      at = after(at, move);
      const { observation, reward, done } = game.step(move);
      assert.equal(reward, at === goal ? 1 : 0);
      assert.equal(done, at === goal);
      assert.equal(observation.match(/P/g)!.length, 1);
      if (done) break;
    }
  }
});

test('a hole ends the game without reward, and no step follows until a reset', () => {
  const seed = Array.from({ length: 100 }, (_, index) => index).find((index) => moves.some((move) => {
    const lake = lakeOf(index);
    return lake.holes.has(after(lake.start, move));
  }))!;
  const game = new FrozenLake(seed);
  const first = game.reset();
  const fatal = moves.find((move) => game.lake.holes.has(after(game.lake.start, move)))!;
  const { reward, done } = game.step(fatal);
  assert.deepEqual({ reward, done }, { reward: 0, done: true });
  assert.throws(() => game.step('left'), /call reset/);
  assert.equal(game.reset(), first);
});

test('the shore stops a move, no move costs one, and eight moves end the game', () => {
  assert.equal(after(0, 'left'), 0);
  assert.equal(after(3, 'right'), 3);
  assert.equal(after(12, 'down'), 12);
  assert.equal(after(1, 'up'), 1);
  const game = new FrozenLake(1);
  const first = game.reset();
  for (let count = 1; count <= maxMoves; count++) {
    assert.deepEqual(game.step(undefined), { observation: first, reward: 0, done: count === maxMoves });
  }
});

test('the lake is drawn row by row', () => {
  const game = new FrozenLake(0);
  const text = userMessage(game.reset());
  assert.match(text, /^(?: [_OPG]){4}(?:\n(?: [_OPG]){4}){3}$/);
  assert.ok(text.endsWith(' G'));
});

test('a move is one word, whatever its case; all else is none', () => {
  assert.equal(parseMove(' Left\n'), 'left');
  assert.equal(parseMove('go left'), undefined);
  assert.equal(parseMove(''), undefined);
});
