import assert from 'node:assert/strict';
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import { gunzipSync } from 'node:zlib';
import { parquetReadObjects } from 'hyparquet';
import type { RolloutRecord } from '../../runtime/protocol/trace.ts';
import { parseFilter } from '../../runtime/view/filter.ts';
import { filterOf } from '../../webview/viewer/export.ts';
import { filtered, inRange, rewardBars } from '../../webview/viewer/rollouts/order.ts';
import { tableOf } from '../runtime/view/some-rows.ts';
import { Pages, type Opened } from './pages.ts';
import { conversation, encodeText, message, writeRun } from './runs.ts';

let pages: Pages;
let run: string;

before(async () => {
  pages = await Pages.start();
  const records = Array.from({ length: 12 }, (_, n): RolloutRecord => conversation(`s0t0n${n}`, [
    { sent: [...message('system', 'Be exact.'), ...message('user', 'Go.')], answer: encodeText(n === 3 ? '答 "=1+1"\n🦔' : 'Hello world') },
  ], { reward: n / 12, success: n > 6 }));
  const writer = await writeRun(join(pages.dir, 'runs'), records);
  await writer.close();
  run = writer.dir;
});

after(() => pages.stop());

async function download({ page }: Opened): Promise<{ name: string; bytes: Buffer }> {
  const waiting = page.waitForEvent('download');
  await page.getByRole('dialog').getByRole('button', { name: 'Export', exact: true }).click();
  const file = await waiting;
  return { name: file.suggestedFilename(), bytes: await readFile(await file.path()) };
}

test('what the filter shows is downloaded as a table, and the page says how it went', async () => {
  const opened = await pages.open(run);
  const { page } = opened;
  await page.getByRole('row').filter({ hasText: 's0t0n11' }).waitFor();
  await page.getByRole('combobox', { name: 'Filter' }).fill('reward > 0.5');
  await page.getByRole('grid').focus();
  await page.keyboard.press('e');
  const dialog = page.getByRole('dialog', { name: 'Export' });
  assert.ok(await dialog.getByLabel('As filtered (5)').isChecked());
  await dialog.getByLabel('CSV').check();
  const { name, bytes } = await download(opened);
  assert.match(name, /^\d{4}-.*-rollouts\.csv$/);
  assert.deepEqual(bytes.toString().trimEnd().split('\r\n').slice(1).map((line) => line.split(',')[1]), [7, 8, 9, 10, 11].map((n) => `s0t0n${n}`));
  await page.getByText(`5 rollouts are in ${name}`).waitFor();
  assert.equal(await dialog.count(), 0);

  // It remembers the format; an open rollout can be exported alone.
  await page.keyboard.press('Enter');
  await page.getByRole('tab', { name: 'Tokens', selected: true }).waitFor();
  await page.keyboard.press('e');
  assert.ok(await dialog.getByLabel('CSV').isChecked());
  await dialog.getByLabel('Only s0t0n7').check();
  await dialog.getByLabel('One row a token').check();
  await dialog.getByLabel('Parquet').check();
  const tokens = await download(opened);
  const rows = await parquetReadObjects({ file: tokens.bytes.buffer.slice(tokens.bytes.byteOffset, tokens.bytes.byteOffset + tokens.bytes.length) as ArrayBuffer, compressors: { GZIP: (input) => gunzipSync(input) } });
  assert.deepEqual([...new Set(rows.map(({ rollout }) => rollout))], ['s0t0n7']);
  assert.equal(rows.filter(({ sampled }) => sampled).map(({ text }) => text).join(''), 'Hello world');

  await page.keyboard.press('e');
  await dialog.getByLabel('Everything, as records').check();
  assert.ok(await dialog.getByLabel('CSV').isDisabled() && await dialog.getByLabel('JSON Lines').isChecked());
  await dialog.getByLabel('All (12)').check();
  const records = await download(opened);
  assert.equal(records.bytes.toString().trimEnd().split('\n').map((line) => (JSON.parse(line) as RolloutRecord).calls.length).length, 12);
  assert.deepEqual(opened.said, []);
  await opened.close();
});

test('marked rollouts are copied as text', async () => {
  const { page, asked, close } = await pages.open(run);
  await page.getByRole('row').filter({ hasText: 's0t0n3' }).waitFor();
  await page.getByRole('grid').focus();
  for (let row = 0; row < 4; row++) await page.keyboard.press(row === 3 ? 'Space' : 'ArrowDown');
  await page.keyboard.press('e');
  await page.getByLabel('Marked (1)').check();
  await page.getByRole('button', { name: 'Copy as text' }).click();
  await page.getByText('Copied as text: 1').waitFor();
  const [copied] = asked;
  assert.ok(copied?.do === 'copy');
  assert.match(copied.text, /^s0t0n3 · sum-1 · Reward 0\.25\n\n\[system\]\nBe exact\.\n\n\[user\]\nGo\.\n\n\[assistant\]\n答 "=1\+1"\n🦔$/);
  await close();

  // A browser has a clipboard of its own.
  const browser = await pages.open(run, { capabilities: ['save'], permissions: ['clipboard-read', 'clipboard-write'] });
  await browser.page.getByRole('row').filter({ hasText: 's0t0n3' }).waitFor();
  await browser.page.keyboard.press('e');
  await browser.page.getByRole('button', { name: 'Copy as text' }).click();
  await browser.page.getByText('Copied as text: 12').waitFor();
  const pasted = await browser.page.evaluate(() => navigator.clipboard.readText());
  assert.equal(pasted.split('\n\n\n').length, 12);
  assert.ok(pasted.includes(copied.text));
  await browser.close();
});

test('a range of rewards is the same in the words of the filter', () => {
  const table = tableOf(400);
  const rows = Uint32Array.from({ length: 400 }, (_, row) => row);
  for (const range of rewardBars(table, rows)) {
    const parsed = parseFilter(filterOf('step > 2 or truncated', range), table);
    assert.ok('test' in parsed, JSON.stringify(parsed));
    const wanted = parseFilter('step > 2 or truncated', table);
    assert.ok('test' in wanted);
    assert.deepEqual(filtered(rows, parsed.test), filtered(filtered(rows, wanted.test), inRange(table, range)));
  }
});
