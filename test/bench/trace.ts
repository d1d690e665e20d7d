import { appendFile, mkdtemp, readFile, rm, stat, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setImmediate as nextTurn } from 'node:timers/promises';
import { promisify } from 'node:util';
import { gunzip, gzipSync } from 'node:zlib';
import { exportRun } from '../../runtime/trace/export.ts';
import { messagesOf, openRunReader, promptIds, toolsOf } from '../../runtime/trace/index.ts';
import type { CallRecord, IndexEntry, RolloutRecord } from '../../runtime/trace/index.ts';
import { createRun } from '../../runtime/trace/writer.ts';
import { call, dice, newRun, place, rollout } from '../runtime/trace/samples.ts';
import type { Figure } from './figure.ts';

const ROLLOUTS = 100_000;

export async function bench(): Promise<Figure[]> {
  const root = await mkdtemp(join(tmpdir(), 'trace-bench-'));
  try {
    return [await openMany(root), ...await readOne(root), ...await exportTokens(root), await journal(root)];
  } finally {
    await rm(root, { recursive: true, force: true });
  }
}

/** A run as the writer leaves it, opened until every column and every entry can be asked for. */
async function openMany(root: string): Promise<Figure> {
  const writer = await createRun(root, newRun({ experiment: 'many' }));
  const small = rollout(0, 1, 2);
  const writing = performance.now();
  for (let i = 0; i < ROLLOUTS; i += 500) {
    await Promise.all(Array.from({ length: 500 }, (_, n) => {
      const task = (i + n) >> 3;
      const sample = (i + n) & 7;
      return writer.seal({ ...small, rollout: `s${task >> 7}t${task}n${sample}`, step: task >> 7, taskIndex: task, taskId: `train-${task}`, sample, reward: n / 500 });
    }));
  }
  await writer.close();
  const sealing = (performance.now() - writing) / 1000;
  const ours = await best(5, async () => {
    const reader = await openRunReader(writer.dir);
    if (reader.count !== ROLLOUTS || reader.entry(ROLLOUTS - 1).length === 0) throw new Error('the run is not whole');
  });
  const peer = await best(3, async () => {
    const lines = (await readFile(join(writer.dir, 'traces', 'rollouts-0.idx'), 'utf8')).trimEnd().split('\n');
    const entries = lines.map((line) => JSON.parse(line) as IndexEntry);
    if (entries.length !== ROLLOUTS) throw new Error('the index is not whole');
  });
  return {
    name: 'open_100k_rollouts_ms', ours: round(ours), peer: round(peer), ratio: round(peer / ours), unit: 'ms', bound: '<= 300', holds: ours <= 300,
    note: `columns of the whole index; peer: JSON.parse of every index line; the run was written at ${Math.round(ROLLOUTS / sealing)} sealed rollouts/s`,
  };
}

/** Rollouts of 8 calls and some 6,000 tokens; one of them read by its id, checked, in memory. */
async function readOne(root: string): Promise<Figure[]> {
  const writer = await createRun(root, newRun({ experiment: 'large' }));
  const records = Array.from({ length: 200 }, (_, sample) => rollout(sample, 8, 320));
  await Promise.all(records.map((record) => writer.seal(record)));
  await writer.close();
  const reader = await openRunReader(writer.dir);
  const random = dice(3);
  const times: number[] = [];
  const peers: number[] = [];
  for (let read = 0; read < 100; read++) {
    const { rollout: id } = records[Math.floor(random() * records.length)]!;
    times.push(await milliseconds(async () => void await reader.read(id)));
    if (read < 20) peers.push(await milliseconds(() => scanFor(join(writer.dir, 'traces', 'rollouts-0.jsonl.gz'), id)));
  }
  const ours = median(times);
  const peer = median(peers);
  return [{
    name: 'read_one_rollout_ms', ours: round(ours), peer: round(peer), ratio: round(peer / ours), unit: 'ms', bound: '<= 5', holds: ours <= 5,
    note: `median of 100, ${tokensOf(records[0]!)} tokens each, slowest ${round(Math.max(...times))} ms; peer: gunzip and scan of a file of 200`,
  }, bytesPerToken(records, reader.column('length'))];
}

/** One row a token to a Parquet file. The peer is what a script does: all records at once, each token as an object, JSON lines. */
async function exportTokens(root: string): Promise<Figure[]> {
  const writer = await createRun(root, newRun({ experiment: 'export' }));
  for (let sample = 0; sample < 40; sample++) await writer.seal(rollout(sample, 8, 320));
  await writer.close();
  const words = Array.from({ length: 50_000 }, (_, id) => Buffer.from(` word${id}`));
  const vocabulary = { bytes: (id: number) => words[id] };
  const [ours, peer] = [join(root, 'tokens.parquet'), join(root, 'tokens.jsonl')];
  let rows = 0;
  const written = await best(3, async () => void ({ rows } = await exportRun(await openRunReader(writer.dir), ours, { what: 'tokens', format: 'parquet', vocabulary, overwrite: true })));
  const dumped = await best(3, async () => {
    const reader = await openRunReader(writer.dir);
    const records = await Promise.all(Array.from({ length: reader.count }, (_, i) => reader.read(i)));
    await writeFile(peer, records.flatMap((record) => record.calls.flatMap((call) => [...call.tokens!.tail, ...call.tokens!.sampled].map((id, at) => {
      const place = at - call.tokens!.tail.length;
      return JSON.stringify({ run: reader.info.run, rollout: record.rollout, call: call.index, index: at, id, text: words[id]!.toString(), role: call.role, logprob: call.tokens!.logprobs?.[place] ?? null, target: place >= 0, version: call.version, file: call.site?.file, line: call.site?.line });
    }))).join('\n'));
  });
  const [small, large] = [(await stat(ours)).size / rows, (await stat(peer)).size / rows];
  const perSecond = (milliseconds: number): number => Math.round((rows / milliseconds) * 1000);
  return [{
    name: 'export_rows_per_second', ours: perSecond(written), peer: perSecond(dumped), ratio: round(dumped / written), unit: 'rows/s', bound: '>= 50000', holds: perSecond(written) >= 50_000,
    note: `${rows} tokens with 18 columns to Parquet, 16,384 rows in memory at most; peer: all records in memory, 12 fields as JSON lines`,
  }, {
    name: 'export_bytes_per_row', ours: round(small), peer: round(large), ratio: round(large / small), unit: 'bytes', bound: '< JSON lines', holds: small < large, note: 'the same files',
  }];
}

async function scanFor(path: string, id: string): Promise<void> {
  const text = (await promisify(gunzip)(await readFile(path))).toString();
  const line = text.split('\n').find((line) => line.includes(`"rollout":"${id}"`))!;
  JSON.parse(line);
}

/** What the same record takes as the requests and answers of the OpenAI API, ids and log-probabilities asked for. */
function bytesPerToken(records: readonly RolloutRecord[], lengths: Float64Array): Figure {
  const tokens = records.reduce((sum, record) => sum + tokensOf(record), 0);
  const raw = records.map((record) => Buffer.from(JSON.stringify(record.calls.map((call) => asCompletion(record, call)))));
  const ours = lengths.reduce((sum, length) => sum + length, 0) / tokens;
  const peer = raw.reduce((sum, { length }) => sum + length, 0) / tokens;
  const zipped = raw.reduce((sum, bytes) => sum + gzipSync(bytes).length, 0) / tokens;
  return {
    name: 'trace_bytes_per_token', ours: round(ours), peer: round(peer), ratio: round(peer / ours), unit: 'bytes', bound: '< raw JSON', holds: ours < peer,
    note: `float32 log-probabilities exact, a token counted once however many calls have it in their prompt; peer: each call as raw OpenAI JSON, prompt_token_ids and logprobs.content (${round(zipped)} gzipped)`,
  };
}

function asCompletion(record: RolloutRecord, call: CallRecord): unknown {
  const { sampled, logprobs } = call.tokens!;
  return {
    request: { model: call.policy, messages: messagesOf(record, call.index), tools: toolsOf(record, call.index), ...call.sampling, logprobs: true, return_token_ids: true },
    response: {
      id: call.id, object: 'chat.completion', model: call.policy,
      prompt_token_ids: promptIds(record, call.index),
      choices: [{
        index: 0, message: call.reply, finish_reason: call.finish, token_ids: sampled,
        logprobs: { content: sampled.map((id, i) => ({ token: `token_id:${id}`, logprob: logprobs![i], bytes: null, top_logprobs: [] })) },
      }],
      usage: { prompt_tokens: call.usage.prompt, completion_tokens: call.usage.completion, total_tokens: call.usage.prompt + call.usage.completion },
    },
  };
}

/** Calls of 64 rollouts, prompts of 10 messages, while the main thread has other work for half of its time. */
async function journal(root: string): Promise<Figure> {
  const writer = await createRun(root, newRun({ experiment: 'journal' }));
  const rollouts = Array.from({ length: 64 }, (_, sample) => place(sample));
  const prompt = Array.from({ length: 5 }, (_, i) => call(i, dice(i), 40));
  const added = call(5, dice(5), 40);
  await Promise.all(rollouts.map((each) => writer.journal.begin(each, 1)));
  const ours = await callsPerSecond(rollouts.length, (i, index) => writer.journal.call(rollouts[i]!.rollout, 1, { ...added, index: 5 + index }));
  await writer.close();
  const whole = { ...added, messages: messagesOf({ calls: [...prompt, added] }, 5), prompt: promptIds({ calls: [...prompt, added] }, 5) };
  const peer = await callsPerSecond(rollouts.length, (i) => appendFile(join(root, `peer-${i}.jsonl`), `${JSON.stringify(whole)}\n`));
  return {
    name: 'journal_calls_per_second', ours: Math.round(ours), peer: Math.round(peer), ratio: round(ours / peer), unit: 'calls/s', bound: '>= 2000', holds: ours >= 2000,
    note: 'each call acknowledged before its rollout makes the next, main thread half busy; peer: the whole prompt appended to a file for each rollout',
  };
}

async function callsPerSecond(lanes: number, write: (lane: number, index: number) => Promise<void>): Promise<number> {
  const start = performance.now();
  const end = start + 2000;
  let calls = 0;
  const busy = (async () => {
    while (performance.now() < end) {
      const until = performance.now() + 2;
      while (performance.now() < until);
      const rest = performance.now() + 2;
      while (performance.now() < rest) await nextTurn();
    }
  })();
  await Promise.all(Array.from({ length: lanes }, async (_, lane) => {
    for (let index = 0; performance.now() < end; index++, calls++) await write(lane, index);
  }));
  await busy;
  return calls / ((performance.now() - start) / 1000);
}

function tokensOf({ calls }: RolloutRecord): number {
  return calls.reduce((sum, { tokens }) => sum + tokens!.tail.length + tokens!.sampled.length, 0);
}

async function milliseconds(work: () => Promise<void>): Promise<number> {
  const start = performance.now();
  await work();
  return performance.now() - start;
}

async function best(runs: number, work: () => Promise<void>): Promise<number> {
  const times: number[] = [];
  for (let run = 0; run < runs; run++) times.push(await milliseconds(work));
  return Math.min(...times);
}

function median(values: number[]): number {
  return values.toSorted((a, b) => a - b)[values.length >> 1]!;
}

function round(value: number): number {
  return Math.round(value * 100) / 100;
}
