/** Made-up rollouts of made-up groups: conversations that continue, start anew and fork, as records of the trace have them. */
import type { CallRecord, RolloutRecord } from '../../../runtime/protocol/trace.ts';
import type { Dice } from '../tracker/forest.ts';

export interface Shape {
  step?: number;
  version?: number;
  tasks: number;
  repeats: number;
  /** Most calls of a rollout. */
  calls: number;
  /** Chance that a call begins a conversation of its own. */
  anew: number;
  rewards: readonly number[];
}

export function rolloutsOf(d: Dice, { step = 1, version = 0, tasks, repeats, calls, anew, rewards }: Shape): RolloutRecord[] {
  return Array.from({ length: tasks * repeats }, (_, i) => {
    const taskIndex = Math.floor(i / repeats);
    const sample = i % repeats;
    const made: CallRecord[] = [];
    for (let index = 0; index < 1 + d.roll(calls); index++) {
      const from = index > 0 && !d.chance(anew) ? index - 1 : null;
      // the prompt of a task is the same in all its rollouts; what follows is not
      const tail = from === null ? [1, 100 + taskIndex, 2, ...(index === 0 ? [] : [60 + index])] : [3, 40 + d.roll(3)];
      made.push(callOf(index, { from, tail, sampled: Array.from({ length: 1 + d.roll(5) }, () => 10 + d.roll(3)), version }));
    }
    return recordOf({ step, taskIndex, sample, calls: made, reward: d.pick(rewards) });
  });
}

export function callOf(index: number, { from, tail, sampled, version = 0, ...more }: { from: number | null; tail: number[]; sampled: number[]; version?: number } & Partial<CallRecord>): CallRecord {
  return {
    index, id: `call-${index}`, role: 'player', target: true, policy: 'made-up', version, start: index, duration: 1,
    sampling: { temperature: 1, topP: 1, topK: 0, maxTokens: 8 },
    history: { from, add: [{ role: 'user', content: `turn ${index}` }] }, reply: { role: 'assistant', content: `answer ${index}` },
    finish: 'stop', continuation: from === null ? 'start' : 'continued',
    // the logprob follows from the token and its place in the call, so that equal tokens can share a target
    tokens: { from, tail, sampled, logprobs: sampled.map((id, i) => Math.fround(-0.1 * (id - 9) - 0.01 * i)) },
    usage: { prompt: tail.length, completion: sampled.length, cached: 0 }, ...more,
  };
}

export function recordOf({ step = 1, taskIndex, sample, calls, reward, ...more }: { step?: number; taskIndex: number; sample: number; calls: CallRecord[]; reward: number | null } & Partial<RolloutRecord>): RolloutRecord {
  return {
    v: 1, run: 'run', rollout: `s${step}t${taskIndex}n${sample}`, step, split: 'training', taskIndex, taskId: `task ${taskIndex}`, sample, attempt: 1,
    workflow: 'made-up', task: {}, status: 'finished', reward, success: reward === null ? null : reward >= 1, metadata: {},
    started: '2026-01-01T00:00:00.000Z', duration: 1, calls, tools: [], ...more,
  };
}
