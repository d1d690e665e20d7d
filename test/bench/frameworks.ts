/** What an agent framework adds to a model call, and how much of a conversation stays one timeline. The policy is scripted. */
import type { CallRequest } from '../../runtime/gateway/request.ts';
import type { Driver } from '../frameworks/drivers/driver.ts';
import { setUpFrameworks } from '../frameworks/setup.mjs';
import { scriptedWorld, toolCall, tunerOf } from '../frameworks/world.ts';
import { ByteTokenizer, IM_END, promptOf, type Script, type World } from '../runtime/gateway/world.ts';
import { median, type Figure } from './figure.ts';

setUpFrameworks();
const { drivers } = await import('../frameworks/drivers/all.ts');
const { plainFetch } = await import('../frameworks/drivers/plain.ts');

const TURNS = 10;
const ROUNDS = 12;
const LATENCY_MS = 25;

const tokenizer = new ByteTokenizer();

/** Nine tool calls, then the answer. */
function task(thinks: boolean): Script {
  return (_, text) => {
    const done = text.split('<tool_response>').length - 1;
    const thinking = thinks ? `<think>Next is ${done + 1}.</think>` : '';
    const said = done === TURNS - 1 ? 'The sum is 45.' : `Let me add.\n${toolCall('add', `{"b": ${done + 1}, "a": ${done}}`)}`;
    return [...tokenizer.encode(thinking + said), IM_END];
  };
}

export async function bench(): Promise<Figure[]> {
  const figures: Figure[] = [];
  for (const driver of drivers) figures.push(await merged(driver));
  const bare: number[] = [];
  const times = new Map(drivers.map((driver) => [driver, [] as number[]]));
  // Turn by turn, so that a busy moment of the machine meets all alike. The first rounds load and warm.
  for (let round = -3; round < ROUNDS; round++) {
    for (const [driver, took] of times) {
      const milliseconds = await timeOf(driver);
      if (round >= 0) (driver === plainFetch ? bare : took).push(milliseconds);
    }
  }
  for (const [driver, took] of times) if (driver !== plainFetch) figures.push(latency(driver, median(took), median(bare)));
  return figures;
}

/** Milliseconds a call, of the whole task. */
async function timeOf(driver: Driver): Promise<number> {
  await using w = await scriptedWorld(task(true));
  const tuner = tunerOf(w);
  const started = performance.now();
  await driver.chat(tuner, ['Add up the numbers to 9.'], { stream: false });
  return (performance.now() - started) / w.journal.length;
}

function latency(driver: Driver, took: number, bare: number): Figure {
  const added = took - bare;
  return {
    name: `added_latency_ms_${nameOf(driver)}`, ours: round(added), peer: round(bare), ratio: round(took / bare), unit: 'ms', bound: `<= ${LATENCY_MS}`, holds: added <= LATENCY_MS,
    note: `a model call in a task of ${TURNS}, the framework's own agent loop and tool call included, over plain fetch to the same gateway; peer: plain fetch; median of ${ROUNDS} tasks`,
  };
}

async function merged(driver: Driver): Promise<Figure> {
  const { ours, peer } = await shares(driver, true);
  const plain = await shares(driver, false);
  return {
    name: `merged_share_${nameOf(driver)}`, ours, peer, ratio: round(ours / peer), unit: 'share', bound: '>= 1', holds: ours >= 1 && plain.ours >= 1,
    note: `sampled tokens that lie in one timeline, token for token, in a task of ${TURNS} calls with tools and thinking; peer: each prompt rendered again by the chat template from the messages that the framework sent; without thinking ${plain.ours} against ${plain.peer}`,
  };
}

async function shares(driver: Driver, thinks: boolean): Promise<{ ours: number; peer: number }> {
  await using w = await scriptedWorld(task(thinks));
  const asked: CallRequest[] = [];
  const { call } = w.session;
  w.session.call = function hear(role, request, stack) {
    asked.push(request);
    return call.call(this, role, request, stack);
  };
  await driver.chat(tunerOf(w), ['Add up the numbers to 9.'], { stream: false });
  if (w.journal.length !== TURNS) throw new Error(`${driver.name} made ${w.journal.length} calls, not ${TURNS}.`);
  return {
    ours: shareOf(w, (index) => promptOf(w.journal, index)),
    peer: shareOf(w, (index) => tokenizer.encode(w.policy.format.render(asked[index]!.messages, asked[index]!.tools?.definitions, true))),
  };
}

/** Of the longest timeline; a call goes on with one whose tokens its prompt begins with. */
function shareOf({ journal }: World, promptAt: (index: number) => readonly number[]): number {
  const timelines: { ids: number[]; sampled: number }[] = [];
  for (const [index, { tokens }] of journal.entries()) {
    const prompt = promptAt(index);
    const sampled = tokens!.sampled;
    const before = timelines.find(({ ids }) => ids.length <= prompt.length && ids.every((id, at) => id === prompt[at]));
    const ids = [...prompt, ...sampled];
    if (before === undefined) timelines.push({ ids, sampled: sampled.length });
    else Object.assign(before, { ids, sampled: before.sampled + sampled.length });
  }
  const all = journal.reduce((sum, { tokens }) => sum + tokens!.sampled.length, 0);
  return round(Math.max(...timelines.map(({ sampled }) => sampled)) / all);
}

function nameOf({ name }: Driver): string {
  return name.replace(/^@/, '').replace(/\W+/g, '_').toLowerCase();
}

function round(value: number): number {
  return Number(value.toPrecision(3));
}
