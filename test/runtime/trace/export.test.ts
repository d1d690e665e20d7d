import assert from 'node:assert/strict';
import { createWriteStream } from 'node:fs';
import { open, readdir, readFile, stat, truncate, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { Writable } from 'node:stream';
import { test, type TestContext } from 'node:test';
import { gunzipSync } from 'node:zlib';
import { asyncBufferFromFile, parquetMetadataAsync, parquetReadObjects } from 'hyparquet';
import { DEFAULT_PARSERS } from 'hyparquet/src/convert.js';
import type { CallRecord, RolloutRecord } from '../../../runtime/protocol/trace.ts';
import { exportRun, EXPORT_FORMATS, type Exported, type ExportFormat, type ExportOptions, type ExportTable } from '../../../runtime/trace/export.ts';
import { openRunReader, promptIds, type RunReader } from '../../../runtime/trace/index.ts';
import { createRun } from '../../../runtime/trace/writer.ts';
import { dice, folder, newRun, rollout } from './samples.ts';

type Row = Record<string, unknown>;

/** Ids below 256 are bytes, the others words that are hard to carry. */
const WORDS = ['=1+1', '@SUM(A1)', '-', '+', '"', '""', ',', '\n', '\r\n', '\t', ' ', '', '你', '好吗', '🦔', '\u202e', '\u0000', "'", '\\', '\\n', '</script>', 'null', '0012', 'é', 'e\u0301', '\ufeff', '\u2028'];
const utf8 = new TextEncoder();
const bytesOf = (id: number): Uint8Array | undefined => (id < 256 ? Uint8Array.of(id) : id - 256 < WORDS.length ? utf8.encode(WORDS[id - 256]) : undefined);

const number = (value: string): number | null => (value === '' ? null : Number(value));
const READ: Record<string, (value: string) => unknown> = {
  text: (value) => (value === '' ? null : JSON.parse(value)), error: (value) => (value === '' ? null : JSON.parse(value)),
  sampled: (value) => value === 'true', target: (value) => value === 'true', success: (value) => (value === '' ? null : value === 'true'),
  ...Object.fromEntries(['step', 'task_index', 'sample', 'attempt', 'reward', 'advantage', 'turns', 'prompt_tokens', 'sampled_tokens', 'trained_tokens', 'duration_ms', 'first_version', 'parent_call', 'parent_token', 'call', 'index', 'id', 'logprob', 'rank', 'entropy', 'version', 'line'].map((name) => [name, number])),
};

/** As it stands there: its own reader leaves a byte order mark out. */
const exactText = { ...DEFAULT_PARSERS, stringFromBytes: (bytes: Uint8Array) => new TextDecoder('utf-8', { ignoreBOM: true }).decode(bytes) };

/** RFC 4180, by somebody who has not written the exporter. */
function parseCsv(text: string): Row[] {
  const lines: string[][] = [[]];
  for (const [, quoted, plain, end] of text.matchAll(/(?:"((?:[^"]|"")*)"|([^",\r\n]*))(,|\r\n|$)/g)) {
    lines.at(-1)!.push(quoted === undefined ? plain! : quoted.replaceAll('""', '"'));
    if (end === '\r\n') lines.push([]);
    if (end === '') break;
  }
  lines.pop();
  const [names, ...cells] = lines;
  return cells.map((line) => Object.fromEntries(names!.map((name, at) => {
    const column = name.replace(/_json$/, '');
    return [column, (READ[column] ?? ((value: string) => (value === '' ? null : value)))(line[at]!)];
  })));
}

async function readBack(file: string, format: ExportFormat): Promise<Row[]> {
  if (format === 'csv') return parseCsv(await readFile(file, 'utf8'));
  if (format === 'jsonl') return (await readFile(file, 'utf8')).split('\n').slice(0, -1).map((line) => JSON.parse(line) as Row);
  const rows = await parquetReadObjects({ file: await asyncBufferFromFile(file), compressors: { GZIP: (input) => gunzipSync(input) }, utf8: false, parsers: exactText }) as Row[];
  return rows.map((row) => Object.fromEntries(Object.entries(row).map(([name, value]) => [name, value instanceof Uint8Array ? Buffer.from(value).toString('hex') : value ?? null])));
}

/** A run of everything that may happen, and what the vocabulary makes of it. */
async function strangeRun(context: TestContext, rollouts: number): Promise<{ root: string; reader: RunReader; records: RolloutRecord[]; advantages: Map<string, number> }> {
  const root = await folder(context);
  const writer = await createRun(root, newRun());
  const random = dice(11);
  const id = (): number => (random() < 0.5 ? Math.floor(random() * 256) : 256 + Math.floor(random() * (WORDS.length + 2)));
  const advantages = new Map<string, number>();
  for (let n = 0; n < rollouts; n++) {
    const record = rollout(n, 1 + (n % 4), 6);
    record.calls = record.calls.map((call, index): CallRecord => {
      const tokens = { ...call.tokens!, tail: call.tokens!.tail.map(id), sampled: call.tokens!.sampled.map(id) };
      const k = 3;
      const top = { k, ids: tokens.sampled.flatMap((own) => [7, own, 9]), logprobs: tokens.sampled.flatMap(() => [-0.5, -1.25, -3]) };
      if (n % 7 === 1) return { ...call, tokens: undefined };
      if (n % 7 === 2) return { ...call, tokens: { ...tokens, logprobs: undefined } };
      if (n % 7 === 3) return { ...call, tokens: { ...tokens, top }, role: index === 0 ? 'solver' : 'critic', target: index === 0, site: undefined, version: null };
      return { ...call, tokens, ...(n % 7 === 4 && { why: 'undelivered' as const }) };
    });
    if (n % 7 === 1) for (const call of record.calls) delete call.tokens;
    if (n % 7 === 2) for (const call of record.calls) delete call.tokens!.logprobs;
    if (n % 5 === 0) Object.assign(record, { status: 'failed', reward: null, success: null, error: { code: 'judge', message: `=HYPERLINK("x")\n"你好", ${WORDS.join('|')}` } });
    if (n % 6 === 0) Object.assign(record, { parent: { rollout: 's0t0n99', call: 1, token: 2 }, taskId: 'a "b", c\nd' });
    if (n % 3 === 0) advantages.set(record.rollout, n / 8 - 1);
    await writer.seal(record);
  }
  await writer.close();
  const reader = await openRunReader(writer.dir);
  return { root, reader, records: await Promise.all(Array.from({ length: reader.count }, (_, i) => reader.read(i))), advantages };
}

for (const format of EXPORT_FORMATS) {
  test(`${format}: the rows of tokens are what the store says, whatever they hold`, async (context) => {
    const { root, reader, records, advantages } = await strangeRun(context, 40);
    const file = join(root, `tokens.${format}`);
    const exported = await exportRun(reader, file, { what: 'tokens', format, advantages, vocabulary: { bytes: bytesOf } });
    const rows = await readBack(file, format);
    const expected: Row[] = [];
    for (const record of records) {
      for (const call of record.calls) {
        if (call.tokens === undefined) continue;
        const { tail, sampled, logprobs } = call.tokens;
        const whole = [...promptIds(record, call.index)!, ...sampled];
        [...tail, ...sampled].forEach((id, at) => {
          const place = at - tail.length;
          const index = whole.length - tail.length - sampled.length + at;
          assert.equal(whole[index], id);
          const target = place >= 0 && call.target && call.why === undefined && logprobs !== undefined;
          expected.push({
            run: reader.info.run, rollout: record.rollout, call: call.index, index, id, role: call.role, sampled: place >= 0, logprob: logprobs?.[place] ?? null,
            target, advantage: target ? advantages.get(record.rollout) ?? null : null, version: call.version, file: call.site?.file ?? null, line: call.site?.line ?? null,
            reason: place < 0 || target ? null : call.why ?? (call.target ? 'no-logprobs' : 'role-not-a-target'),
            bytes: bytesOf(id) === undefined ? null : Buffer.from(bytesOf(id)!).toString('hex') || (format === 'csv' ? null : ''),
          });
        });
      }
    }
    assert.ok(expected.length > 1_000);
    assert.deepEqual([exported.rollouts, exported.rows, exported.problems], [40, expected.length, []]);
    assert.deepEqual(rows.map(({ text: _text, rank: _rank, entropy: _entropy, ...row }) => ({ ...row, logprob: row['logprob'] === null ? null : Math.fround(row['logprob'] as number) })), expected);
    const targets = rows.filter(({ target }) => target === true).length;
    assert.equal(targets, reader.column('trained').reduce((sum, trained) => sum + trained, 0));
    // Together, the texts of a call are its bytes as text.
    for (const [, own] of Map.groupBy(rows, ({ rollout, call }) => `${rollout}/${call}`)) {
      const known = own.filter(({ bytes, text }) => bytes !== null || text !== null);
      if (own.at(-1) !== known.at(-1)) continue;
      const bytes = Buffer.concat(known.map(({ bytes }) => Buffer.from((bytes ?? '') as string, 'hex')));
      assert.equal(known.map(({ text }) => text).join(''), new TextDecoder('utf-8', { ignoreBOM: true }).decode(bytes));
    }
    const ranked = rows.filter(({ rank }) => rank !== null);
    assert.ok(ranked.length > 0 && ranked.every(({ rank, entropy }) => rank === 2 || rank === 1 || rank === 3 ? (entropy as number) > 0.5 : false));
  });

  test(`${format}: the rows of rollouts are what the index and the records say`, async (context) => {
    const { root, reader, records, advantages } = await strangeRun(context, 40);
    const file = join(root, `rollouts.${format}`);
    await exportRun(reader, file, { what: 'rollouts', format, advantages });
    const rows = await readBack(file, format);
    assert.deepEqual(rows, records.map((record, i) => {
      const { calls, prompt, sampled, trained, flags } = reader.entry(i);
      return {
        run: reader.info.run, rollout: record.rollout, step: record.step, split: record.split, task: record.taskId, task_index: record.taskIndex, sample: record.sample, attempt: 1, status: record.status,
        reward: record.reward, success: record.success, advantage: advantages.get(record.rollout) ?? null, roles: [...new Set(record.calls.map(({ role }) => role))].join(','), turns: calls,
        prompt_tokens: prompt, sampled_tokens: sampled, trained_tokens: trained, flags: flags.join(',') || (format === 'csv' ? null : ''), duration_ms: record.duration, started: record.started, workflow: 'MathAgent',
        policies: 'embedded', first_version: record.calls.find(({ version }) => version !== null)?.version ?? null, judge: 'math', parent_run: record.parent === undefined ? null : reader.info.run,
        parent_rollout: record.parent?.rollout ?? null, parent_call: record.parent?.call ?? null, parent_token: record.parent?.token ?? null, error_code: record.error?.code ?? null, error: record.error?.message ?? null,
      };
    }));
  });

  test(`${format}: no rollouts are a table too`, async (context) => {
    const { root, reader } = await strangeRun(context, 1);
    for (const what of ['rollouts', 'tokens'] as const) {
      const file = join(root, `${what}.${format}`);
      assert.deepEqual(await exportRun(reader, file, { what, format, rollouts: [] }), { rollouts: 0, rows: 0, problems: [] });
      assert.deepEqual(await readBack(file, format), []);
    }
  });
}

test('a CSV holds nothing that a spreadsheet takes for a formula', async (context) => {
  const { root, reader } = await strangeRun(context, 40);
  for (const what of ['rollouts', 'tokens'] as const) {
    const file = join(root, `${what}.csv`);
    await exportRun(reader, file, { what, format: 'csv', vocabulary: { bytes: bytesOf } });
    for (const [, quoted, plain] of (await readFile(file, 'utf8')).matchAll(/(?:"((?:[^"]|"")*)"|([^",\r\n]*))(?:,|\r\n|$)/g)) {
      const cell = quoted ?? plain!;
      assert.ok(!/^[=+@\t\r]/.test(cell) && (!cell.startsWith('-') || Number.isFinite(Number(cell))), cell);
    }
  }
});

test('a run is in row groups of bounded size, and only the rollouts that were asked for', async (context) => {
  const root = await folder(context);
  const writer = await createRun(root, newRun());
  for (let sample = 0; sample < 4; sample++) await writer.seal(rollout(sample, 1, 12_000));
  await writer.close();
  const file = join(root, 'tokens.parquet');
  const reader = await openRunReader(writer.dir);
  const { rows } = await exportRun(reader, file, { what: 'tokens', format: 'parquet', rollouts: [0, 2, 3] });
  const { row_groups: groups } = await parquetMetadataAsync(await asyncBufferFromFile(file));
  assert.equal(rows, 3 * 60_000);
  assert.deepEqual(groups.map((group) => Number(group.num_rows)), [...Array.from({ length: 10 }, () => 16_384), 180_000 - 10 * 16_384]);
  assert.deepEqual(new Set((await readBack(file, 'parquet')).map((row) => row['rollout'])), new Set([0, 2, 3].map((i) => reader.entry(i).id)));
});

test('of a torn file the whole rollouts are exported, and what is torn is told', async (context) => {
  const { root, reader } = await strangeRun(context, 10);
  const members = join(reader.dir, 'traces/rollouts-0.jsonl.gz');
  await truncate(members, reader.entry(9).offset + 20);
  const torn = await openRunReader(reader.dir);
  for (const format of EXPORT_FORMATS) {
    const file = join(root, `torn.${format}`);
    const { rollouts, problems } = await exportRun(torn, file, { what: 'rollouts', format });
    assert.equal(rollouts, 9);
    assert.match(problems[0]!.message, /The end \(1 rollout\)/);
    assert.deepEqual((await readBack(file, format)).map((row) => row['rollout']), reader.column('id', 0, 9));
  }
});

test('what cannot be read is told, and does not keep the others back', async (context) => {
  const { root, reader } = await strangeRun(context, 10);
  const handle = await open(join(reader.dir, 'traces/rollouts-0.jsonl.gz'), 'r+');
  await handle.write(Buffer.alloc(16, 'x'), 0, 16, reader.entry(3).offset + 40);
  await handle.close();
  const file = join(root, 'out.jsonl');
  const { rollouts, problems } = await exportRun(reader, file, { what: 'records', format: 'jsonl' });
  assert.equal(rollouts, 9);
  assert.match(problems[0]!.message, /Record 4/);
  assert.deepEqual((await readBack(file, 'jsonl')).map((row) => row['rollout']), reader.column('id').filter((_, i) => i !== 3));
});

test('nothing is left of an export that was ended, that failed, or that would replace a file', async (context) => {
  const { root, reader } = await strangeRun(context, 20);
  const asked: ExportOptions = { what: 'tokens', format: 'parquet' };
  const there = async (): Promise<string[]> => (await readdir(root)).filter((name) => name.startsWith('out'));
  const ending = new AbortController();
  const seen: number[] = [];
  await assert.rejects(exportRun(reader, join(root, 'out.parquet'), { ...asked, signal: ending.signal, progress: (done, total) => {
    assert.equal(total, 20);
    if (seen.push(done) === 5) ending.abort();
  } }), { name: 'AbortError' });
  assert.deepEqual(seen, [1, 2, 3, 4, 5]);
  assert.deepEqual(await there(), []);
  await assert.rejects(exportRun(reader, join(root, 'no', 'out.csv'), asked), /Cannot write .*out\.csv: it is not there \(ENOENT\)/);
  await writeFile(join(root, 'out.csv'), 'mine');
  await assert.rejects(exportRun(reader, join(root, 'out.csv'), { ...asked, format: 'csv' }), /out\.csv is there already/);
  // One that came while it was written is not replaced either.
  await assert.rejects(exportRun(reader, join(root, 'out.jsonl'), { ...asked, format: 'jsonl', progress: (done) => void (done === 3 && createWriteStream(join(root, 'out.jsonl')).end('mine')) }), /out\.jsonl is there already/);
  assert.equal(await readFile(join(root, 'out.csv'), 'utf8'), 'mine');
  assert.deepEqual((await there()).sort(), ['out.csv', 'out.jsonl']);
  await exportRun(reader, join(root, 'out.csv'), { ...asked, format: 'csv', overwrite: true });
  assert.ok((await stat(join(root, 'out.csv'))).size > 1_000);
  await assert.rejects(exportRun(reader, join(root, 'records.csv'), { what: 'records', format: 'csv' }), /no table/);
});

test('a reader that takes its time is not run over', async (context) => {
  const { reader } = await strangeRun(context, 30);
  let chunks = 0;
  let ahead = 0;
  const progress = (done: number): void => void (ahead = Math.max(ahead, done - chunks));
  const slow = new Writable({ highWaterMark: 1, write: (_chunk, _encoding, done) => void setTimeout(() => done(), (chunks += 1) && 1) });
  const { rollouts }: Exported = await exportRun(reader, slow, { what: 'records' satisfies ExportTable, format: 'jsonl', progress });
  assert.equal(rollouts, 30);
  assert.equal(chunks, 30);
  assert.ok(ahead <= 4, `${ahead} rollouts were read ahead`);
});
