import assert from 'node:assert/strict';
import { test } from 'node:test';
import { emptyProgress } from '../../../runtime/backbone/progress.ts';
import type { RunProgress } from '../../../runtime/protocol/backbone.ts';
import { frame, sentence, type Ended, type Picture } from '../../../runtime/cli/frame.ts';
import { painter, widthOf } from '../../../runtime/cli/terminal.ts';

const plain = painter(false);
const colored = painter(true);
const widths = Array.from({ length: 81 }, (_, index) => 60 + index);

function picture(changes: Partial<Picture> = {}, progress: Partial<RunProgress> = {}): Picture {
  return {
    workflow: 'countdown', policy: 'embedded', elapsed: 42_300, working: 40_000, left: 51_000, held: [],
    recent: Array.from({ length: 150 }, (_, index): Ended => ({ reward: index % 10 === 3 ? null : (index % 4) / 3, success: index % 4 === 3, failed: index % 10 === 3 })),
    progress: {
      ...emptyProgress(), planned: 2_048, running: 16, finished: 900, failed: 7, cancelled: 0, sampled: 123_456,
      rewards: 900, rewardSum: 400, rewardSquares: 350, judgedSuccess: 900, successes: 400, ...progress,
    },
    ...changes,
  };
}

const hard: Record<string, Picture> = {
  usual: picture(),
  'nothing yet': picture({ recent: [], left: undefined, elapsed: 0, working: 0 }, { finished: 0, failed: 0, rewards: 0, judgedSuccess: 0, sampled: 0 }),
  'names in Chinese, and too long': picture({ workflow: '会使用计算器的数学智能体工作流，名字非常之长，哪里也放不下', policy: '/home/某人/模型/通义千问二点五半个十亿参数指令版/再训练' }),
  'hostile names': picture({ workflow: 'evil\u001b[2Jname\u202e\nnext', policy: '\u009b31m\r' }),
  'everything large': picture({ left: 86_000_000 }, { planned: 1_000_000, finished: 999_999, failed: 123_456, rewards: 999_999, rewardSum: -9e9, rewardSquares: 9e19, sampled: 4e9, running: 512 }),
  held: picture({ held: ['s0t0n0 is held before its call 2', 'x'.repeat(200), 'a', 'b', 'c'] }),
};

for (const [name, each] of Object.entries(hard)) {
  test(`fits into 60 to 140 columns, with and without colour: ${name}`, () => {
    for (const width of widths) {
      for (const line of frame(each, width, plain).slice(0, 4)) {
        assert.ok(widthOf(line) < width, `${width}: ${line}`);
        assert.ok(!/[\p{Cc}\p{Cf}]/u.test(line), JSON.stringify(line));
      }
      // eslint-disable-next-line no-control-regex
      assert.deepEqual(frame(each, width, colored).map((line) => line.replace(/\u001b\[\d+m/g, '')), frame(each, width, plain));
    }
  });
}

test('what it looks like', () => {
  assert.deepEqual(frame(picture({ recent: hard.usual!.recent.slice(0, 12), elapsed: 42_400 }), 80, plain), [
    '⠸ countdown · embedded                                                     42 s',
    '  ━━━━━━━━━━━━━━━━━━━━──────────────────────────    907/2,048  55 s left',
    '  reward 0.44 ±0.03  success  44 %  ✗ 7 failed  16 running   22.7 rollouts/s',
    '  ▁▃▆✗▁▃▆█▁▃▆█',
  ]);
});

test('lines and columns stay where they are while a run goes on', () => {
  const steps = [3, 40, 400, 1_900].map((finished) => frame(picture({ left: finished === 3 ? undefined : 5_000 }, { finished, failed: 0, rewards: finished, rewardSum: finished / 3, rewardSquares: finished / 4, judgedSuccess: finished, successes: finished / 5 }), 100, plain));
  for (const lines of steps) {
    assert.equal(lines.length, 4);
    assert.equal(lines[1]!.indexOf('/2,048'), steps[0]![1]!.indexOf('/2,048'));
    assert.equal(lines[2]!.indexOf('success'), steps[0]![2]!.indexOf('success'));
    assert.equal(lines[2]!.indexOf('running'), steps[0]![2]!.indexOf('running'));
  }
});

test('on a narrow terminal the least telling figures go first', () => {
  const figures = (width: number): string => frame(picture(), width, plain)[2]!;
  assert.match(figures(100), /reward.*success.*failed.*running.*rollouts\/s.*tokens\/s/);
  assert.match(figures(60), /reward.*success.*failed/);
  assert.doesNotMatch(figures(60), /tokens/);
  assert.match(frame(picture({}, { running: 3, held: 3 }), 100, plain)[2]!, /^(?!.*running)/, 'a held rollout is not running');
});

test('failures and successes are told without colour too', () => {
  const ended: Ended[] = [{ reward: 1, success: true, failed: false }, { reward: 0, success: false, failed: false }, { reward: null, success: null, failed: true }, { reward: null, success: null, failed: false }];
  assert.equal(frame(picture({ recent: ended }), 80, plain)[3], '  █▁✗·');
});

test('one sentence for a log', () => {
  assert.equal(sentence(picture(), plain), '907/2,048 rollouts · reward 0.44 · success 44 % · ✗ 7 failed · 22.7 rollouts/s · 55 s left');
  assert.equal(sentence(hard['nothing yet']!, plain), '0/2,048 rollouts');
});
