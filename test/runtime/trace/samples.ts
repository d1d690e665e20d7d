import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { TestContext } from 'node:test';
import type { CallRecord, RolloutPlace, RolloutRecord } from '../../../runtime/protocol/trace.ts';
import type { NewRun } from '../../../runtime/trace/writer.ts';

/** Small, repeatable randomness. */
export function dice(seed: number): () => number {
  let state = seed + 0x9e3779b9;
  return () => {
    state = Math.imul(state ^ (state >>> 15), 0x2c1b3c6d);
    state = Math.imul(state ^ (state >>> 12), 0x297a2d39);
    state ^= state >>> 15;
    return (state >>> 0) / 2 ** 32;
  };
}

export async function folder(context: TestContext): Promise<string> {
  const dir = await mkdtemp(join(tmpdir(), 'trace-'));
  context.after(() => rm(dir, { recursive: true, force: true }));
  return dir;
}

export function newRun(more: Partial<NewRun> = {}): NewRun {
  return {
    project: 'examples', experiment: 'math', kind: 'rollout', conf: '/project/math.yaml', config: { rollout: { temperature: 1 } },
    workflow: 'MathAgent', policy: 'embedded', planned: 8, ...more,
  };
}

export function place(sample = 0, more: Partial<RolloutPlace> = {}): RolloutPlace {
  return { run: 'r', rollout: `s0t0n${sample}`, step: 0, split: 'training', taskIndex: 0, taskId: 'sum-1', sample, ...more };
}

export function floats(count: number, random: () => number): number[] {
  return Array.from({ length: count }, () => Math.fround(Math.log(1 - random()) * random() ** 2) + 0);
}

export function ids(count: number, random: () => number, vocabulary = 50_000): number[] {
  return Array.from({ length: count }, () => Math.floor(random() ** 3 * vocabulary));
}

/** Call `index` continues the one before it with one tool result. */
export function call(index: number, random = dice(index), size = 24, more: Partial<CallRecord> = {}): CallRecord {
  const first = index === 0;
  const before = first ? null : index - 1;
  const tail = ids(first ? 4 * size : size, random);
  const sampled = ids(size, random);
  return {
    index,
    id: `call-${index}`,
    role: 'solver',
    target: true,
    policy: 'embedded',
    version: 3,
    site: { file: '/project/math.ts', line: 12, column: 7, key: 'execute' },
    start: 10 * index,
    duration: 8,
    sampling: { temperature: 1, topP: 1, topK: 0, maxTokens: 256, seed: 7 },
    history: {
      from: before,
      add: first
        ? [{ role: 'system', content: 'You solve sums with a calculator.' }, { role: 'user', content: `What is 17 + ${index}? ✓ 你好` }]
        : [{ role: 'tool', content: `${index * 17}`, tool_call_id: `tool-${index - 1}` }],
    },
    tools: first
      ? [{ type: 'function', function: { name: 'calculator', parameters: { type: 'object', properties: { expression: { type: 'string' } } } } }]
      : 0,
    reply: {
      role: 'assistant', content: `step ${index}`,
      tool_calls: [{ id: `tool-${index}`, type: 'function', function: { name: 'calculator', arguments: '{"expression":"17*2"}' } }],
    },
    finish: 'tool_calls',
    continuation: first ? 'start' : 'continued',
    tokens: { from: before, tail, sampled, logprobs: floats(size, random) },
    usage: { prompt: size * (3 + 2 * index) + tail.length, completion: size, cached: 0 },
    ...more,
  };
}

export function rollout(sample: number, calls = 3, size = 24, more: Partial<RolloutRecord> = {}): RolloutRecord {
  const random = dice(sample * 1000);
  return {
    v: 1,
    ...place(sample),
    attempt: 1,
    workflow: 'MathAgent',
    task: { mainQuery: 'What is 17 + 25?', metadata: { level: 3 } },
    status: 'finished',
    reward: Math.round(random() * 100) / 100,
    success: random() < 0.5,
    judge: { name: 'math', reward: 0.5, success: true, parts: { form: 0.5 } },
    metadata: { finalAnswer: '42' },
    started: '2026-11-20T09:05:12.000Z',
    duration: 123.456,
    calls: Array.from({ length: calls }, (_, index) => call(index, random, size)),
    tools: [{ index: 0, afterCalls: 1, name: 'calculator', arguments: '{"expression":"17*2"}', result: '34', duration: 0.2 }],
    ...more,
  };
}
