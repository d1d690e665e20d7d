/** The index of a run as the page's table has it. */
import { SPLITS, type RunReader } from '../trace/index.ts';
import type { RolloutColumns } from '../protocol/viewer.ts';

/** Advantages as the training used them, by rollout. */
export type Advantages = ReadonlyMap<string, number>;

export function rolloutColumns(run: RunReader, from: number, advantages: Advantages): RolloutColumns {
  const ids = run.column('id', from);
  const count = ids.length;
  const number = (name: 'step' | 'sample' | 'reward' | 'calls' | 'prompt' | 'sampled' | 'trained' | 'duration'): Float64Array => run.column(name, from, from + count).slice();
  const code = (name: 'status' | 'success' | 'split'): Uint8Array => run.column(name, from, from + count).slice();
  const advantage = new Float64Array(count).fill(NaN);
  if (advantages.size > 0) ids.forEach((id, i) => (advantage[i] = advantages.get(id) ?? NaN));
  return {
    from, count, ids: ids.join('\n'), ...tasksOf(run.column('task', from, from + count)), ...rolesOf(run.column('roles', from, from + count)), advantage,
    step: number('step'), sample: number('sample'), reward: number('reward'), calls: number('calls'), prompt: number('prompt'),
    sampled: number('sampled'), trained: number('trained'), duration: number('duration'),
    status: code('status'), success: code('success'), split: code('split'),
    ...inBits(run.column('flags', from, from + count)),
  };
}

/** Rollouts that have begun: what is known of them so far. */
export async function inFlightColumns(run: RunReader): Promise<RolloutColumns> {
  const open = await run.inFlight();
  const count = open.length;
  const numbers = (of: (one: (typeof open)[number]) => number): Float64Array => Float64Array.from(open, of);
  const missing = (): Float64Array => new Float64Array(count).fill(NaN);
  return {
    from: run.count, count, ids: open.map(({ place }) => place.rollout).join('\n'), ...tasksOf(open.map(({ place }) => place.taskId)), ...rolesOf(open.map(({ calls }) => [...new Set(calls.map(({ role }) => role))].join('\n'))),
    step: numbers(({ place }) => place.step), sample: numbers(({ place }) => place.sample), reward: missing(), advantage: missing(),
    calls: numbers(({ calls }) => calls.length),
    prompt: numbers(({ calls }) => calls.reduce((sum, call) => sum + call.usage.prompt, 0)),
    sampled: numbers(({ calls }) => calls.reduce((sum, call) => sum + call.usage.completion, 0)),
    trained: missing(), duration: numbers(({ began }) => Date.now() - Date.parse(began)),
    status: new Uint8Array(count).fill(IN_FLIGHT), success: new Uint8Array(count).fill(2),
    split: Uint8Array.from(open, ({ place }) => SPLITS.indexOf(place.split)),
    flags: new Uint32Array(count), flagNames: [],
  };
}

const IN_FLIGHT = 3;

function tasksOf(names: readonly string[]): { task: Uint32Array; tasks: string[] } {
  const [task, tasks] = inTable(names);
  return { task, tasks };
}

function rolesOf(names: readonly string[]): { role: Uint32Array; roles: string[] } {
  const [role, roles] = inTable(names);
  return { role, roles };
}

/** Places of the names, and each name once. */
function inTable(names: readonly string[]): [Uint32Array, string[]] {
  const places = new Map<string, number>();
  const of = Uint32Array.from(names, (name) => {
    const known = places.get(name);
    if (known === undefined) places.set(name, places.size);
    return known ?? places.size - 1;
  });
  return [of, [...places.keys()]];
}

/** Errors of all codes share what bits the other flags leave: thirty-two are enough for those that exist. */
function inBits(flags: readonly string[]): { flags: Uint32Array; flagNames: string[] } {
  const places = new Map<string, number>();
  const bits = Uint32Array.from(flags, (text) => {
    if (text === '') return 0;
    let sum = 0;
    for (const name of text.split(' ')) {
      const place = places.get(name) ?? Math.min(places.size, 31);
      places.set(name, place);
      sum |= 1 << place;
    }
    return sum >>> 0;
  });
  return { flags: bits, flagNames: [...places.keys()].slice(0, 32) };
}
