import assert from 'node:assert/strict';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import { readLines } from '../../../runtime/tasks/lines.ts';

let file = '';
before(async () => { file = join(await mkdtemp(join(tmpdir(), 'tf-lines-')), 'x'); });
after(() => rm(join(file, '..'), { recursive: true, force: true }));

test('a line without an end in sight stops the reading', async () => {
  await writeFile(file, `short\n${'x'.repeat(600_000)}`);
  await assert.rejects(Array.fromAsync(readLines(file, 300_000)), { code: 'data', message: /longer than 300000 bytes/, where: { file, line: 2 } });
});

test('a file that goes away says so', async () => {
  await assert.rejects(Array.fromAsync(readLines(`${file}-gone`)), { code: 'data', message: /can’t be read/ });
});

test('any bytes come out as they went in', async () => {
  const text = Array.from({ length: 3000 }, (_, i) => '\u00e9'.repeat((i * 7919) % 600)).join('\n');
  await writeFile(file, text);
  const lines = await Array.fromAsync(readLines(file), (line) => line.bytes.toString());
  assert.equal(lines.join('\n'), text);
});
