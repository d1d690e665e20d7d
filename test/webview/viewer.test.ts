import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { appendFile, readdir } from 'node:fs/promises';
import { createRequire } from 'node:module';
import { join } from 'node:path';
import { after, afterEach, before, describe, test } from 'node:test';
import type { Page } from 'playwright-core';
import { TOKEN } from '../../runtime/protocol/viewer.ts';
import { piecesOf } from '../../webview/viewer/tokens/cells.ts';
import { dice } from '../runtime/trace/samples.ts';
import { until } from '../vscode/until.ts';
import { Pages, type OpenOptions, type Opened } from './pages.ts';
import { bytesOf, conversation, encodeText, IM_END, message, writeRun } from './runs.ts';

const begin = [...message('system', 'Be exact.'), ...message('user', 'Go.')];
const goOn = [...encodeText('\n'), ...message('user', 'Go on.')];
const HOSTILE = '<script>globalThis.hacked = 1</script><img src=x onerror="globalThis.hacked=1">"\'&lt;\u202egnp.exe\u2066\u0000\u001b[31m{{7*7}}';

describe('the trace viewer in Chromium', () => {
  let pages: Pages;
  const opened: Opened[] = [];
  before(async () => void (pages = await Pages.start()));
  afterEach(async () => void await Promise.all(opened.splice(0).map((one) => one.close())));
  after(() => pages.stop());

  async function open(run: string, options?: OpenOptions): Promise<Opened> {
    const one = await pages.open(run, options);
    opened.push(one);
    await one.page.locator('.view:not([hidden])').waitFor();
    return one;
  }

  /** Everything drawn in the pane of tokens, from its first row to its last: text by token. */
  async function drawn(page: Page): Promise<Map<number, string>> {
    const all = await page.evaluate(async () => {
      const pane = document.querySelector<HTMLElement>('.token-pane')!;
      // Laid out, not painted: that is faster, and nobody looks.
      pane.style.visibility = 'hidden';
      const rows = new Map<number, [token: number, text: string][]>();
      const frame = (): Promise<unknown> => new Promise((resolve) => requestAnimationFrame(resolve));
      for (let top = 0; ; top += pane.clientHeight) {
        pane.scrollTop = top;
        await frame();
        await frame();
        for (const row of pane.querySelectorAll<HTMLElement>('.row.text')) {
          const place = Number(/translateY\(([\d.]+)px\)/.exec(row.style.transform)![1]);
          if (!rows.has(place)) rows.set(place, [...row.querySelectorAll<HTMLElement>('.t')].map((token) => [Number(token.dataset.i), token.textContent]));
        }
        if (top + pane.clientHeight >= pane.scrollHeight) break;
      }
      pane.style.visibility = '';
      return [...rows].sort(([a], [b]) => a - b).flatMap(([, tokens]) => tokens);
    });
    const tokens = new Map<number, string>();
    for (const [token, text] of all) tokens.set(token, (tokens.get(token) ?? '') + text);
    return tokens;
  }

  /** Worked out from ids and their bytes alone. */
  function expected(ids: Int32Array): string[] {
    return Array.from(ids, (id) => {
      const bytes = bytesOf(id);
      try {
        return new TextDecoder('utf-8', { fatal: true, ignoreBOM: true }).decode(bytes);
      } catch {
        return [...bytes].map((byte) => byte.toString(16).padStart(2, '0')).join(' ');
      }
    });
  }

  const plain = (text: string): string => text.replaceAll('·', ' ').replaceAll('⏎', '\n').replaceAll('⇥', '\t');

  test('what is drawn is what is stored: words, spaces, newlines, special tokens, bytes of characters, all 100,000 tokens', async () => {
    const random = dice(4);
    const words = [' the', ' answer', '\n\n', '    ', ' step', '界', 'é', '👋', ' {"', 'x', '\t', '\n', 'Hello', ' world'];
    const answer = Array.from({ length: 80_000 }, () => encodeText(words[Math.floor(random() * words.length)]!)).flat().slice(0, 100_000 - begin.length - 13);
    const writer = await writeRun(join(pages.dir, 'large'), [conversation('s0t0n0', [{ sent: begin, answer: [...answer, IM_END] }])]);
    await writer.close();
    // As high as it can be, so that there are few screens to look at.
    const { page, viewer, said } = await open(writer.dir, { focus: { rollout: 's0t0n0' }, viewport: { width: 1600, height: 3_000 } });
    await page.locator('.token-pane .t').first().waitFor();
    const seen = await drawn(page);
    const { id, flags, text, start, count } = await viewer.requests.timeline({ rollout: 's0t0n0' });
    assert.ok(count > 99_000, `${count} tokens`);
    const wanted = expected(id);
    for (let token = 0; token < count; token++) {
      // A byte of a character in several tokens: the last one shows the character, the others their byte.
      const character = (flags[token]! & TOKEN.partial) !== 0 && start[token + 1]! > start[token]!;
      assert.equal(plain(seen.get(token)!), character ? text.slice(start[token], start[token + 1]) : wanted[token], `token ${token}`);
    }
    assert.equal(seen.size, count);
    await page.setViewportSize({ width: 1280, height: 800 });
    await page.waitForFunction(() => document.querySelectorAll('.token-pane .t').length < 3_000, 'only rows in sight are elements');
    assert.deepEqual(said, []);
  });

  test('wide characters and chips keep to their cells', async () => {
    const writer = await writeRun(join(pages.dir, 'cells'), [conversation('s0t0n0', [{ sent: begin, answer: [...encodeText('界世👋é 한\u202eабв\n12345'), 0xe7, 0x95, IM_END] }])]);
    await writer.close();
    const { page, viewer } = await open(writer.dir, { focus: { rollout: 's0t0n0' } });
    await page.locator('.token-pane .t').first().waitFor();
    const timeline = await viewer.requests.timeline({ rollout: 's0t0n0' });
    const { cell, tokens } = await page.evaluate(() => {
      const places = [...document.querySelectorAll<HTMLElement>('.token-pane .t')].map((token) => [Number(token.dataset.i), token.getBoundingClientRect().width] as const);
      const probe = document.querySelector('.token-pane')!.appendChild(document.createElement('span'));
      probe.className = 'probe';
      probe.textContent = 'x'.repeat(50);
      return { cell: probe.getBoundingClientRect().width / 50, tokens: places };
    });
    for (const [token, width] of tokens) {
      const cells = piecesOf(timeline, token).reduce((sum, piece) => sum + piece.cells, 0);
      assert.ok(Math.abs(width - cells * cell) < 1.5, `token ${token} “${timeline.text.slice(timeline.start[token], timeline.start[token + 1])}” has ${(width / cell).toFixed(2)} cells, not ${cells}`);
    }
  });

  test('model output is text: no script runs, nothing turns the direction, nothing is hidden', async () => {
    const hostile = conversation('s0t0n0', [{ sent: [...begin, ...message('user', HOSTILE)], answer: [...encodeText(`${HOSTILE}<|im_end|>`), 0xff, 0xc3, IM_END] }], {
      taskId: HOSTILE.replaceAll('\u0000', ''), task: { mainQuery: HOSTILE, [HOSTILE]: [HOSTILE] }, metadata: { finalAnswer: HOSTILE }, status: 'failed', reward: null, success: null,
      error: { code: 'rollout-threw', message: HOSTILE, stack: `Error: ${HOSTILE}\n    at run (/project/workflow.ts:7:3)`, where: { file: '/project/workflow.ts', line: 7 } }, log: [HOSTILE],
    });
    hostile.calls[0]!.history.add.push({ role: 'user', content: HOSTILE });
    hostile.calls[0]!.reply = { role: 'assistant', content: HOSTILE, tool_calls: [{ id: 'x', type: 'function', function: { name: HOSTILE, arguments: HOSTILE } }] };
    const writer = await writeRun(join(pages.dir, 'hostile'), [hostile, conversation('s0t0n1', [{ sent: begin, answer: encodeText('x'.repeat(30_000)) }])]);
    await writer.close();
    const { page, said, asked } = await open(writer.dir);
    assert.ok((await page.locator('.table-row').first().textContent())!.includes('<script>'));
    await page.keyboard.press('Enter');
    await page.locator('.token-pane .t').first().waitFor();
    const controls = await page.locator('.token-pane .control').allTextContents();
    for (const control of ['U+202E', 'U+2066', 'U+0000', 'U+001B']) assert.ok(controls.includes(control), `${control} is not shown`);
    assert.ok(!(await page.locator('.token-pane').textContent())!.includes('\u202e'));
    const hex = await page.locator('.token-pane .hex').allTextContents();
    assert.deepEqual(hex.slice(-2), ['ff', 'c3']);
    for (const view of ['1', '3', '4', '5']) {
      await page.keyboard.press(view);
      await page.waitForTimeout(150);
      assert.doesNotMatch(await page.evaluate(() => document.body.innerText), /[\u202e\u2066\0]/, `view ${view}`);
    }
    await page.keyboard.press('3');
    await page.locator('.card.error').first().waitFor();
    await page.locator('.stack .link').first().click();
    await until(() => asked.length > 0, 'The code is not asked for.');
    assert.deepEqual(asked.at(-1), { do: 'code', place: { file: '/project/workflow.ts', line: 7, column: 3 } });
    assert.equal(await page.evaluate(() => (globalThis as { hacked?: number }).hacked), undefined);
    assert.equal(await page.locator('img, iframe, script:not([src])').count(), 0);
    // One line of 30,000 characters.
    await page.keyboard.press('.');
    await page.keyboard.press('2');
    await page.waitForFunction(() => document.querySelectorAll('.token-pane .t').length > 500);
    const wide = await page.evaluate(() => document.querySelector('.token-pane')!.scrollWidth - document.querySelector('.token-pane')!.clientWidth);
    assert.equal(wide, 0, 'a long line is broken');
    assert.deepEqual(said, []);
  });

  test('a journey by keys: filter, sort, open, walk, colours, find, views, compare, code, fork', async () => {
    const records = Array.from({ length: 24 }, (_, i) => conversation(`s${i >> 3}t${(i >> 2) & 1}n${i & 3}`, [{ sent: begin, answer: [...encodeText(`Hello world ${i} because`), IM_END] }, { sent: goOn, answer: [...encodeText('the answer'), IM_END] }], {
      step: i >> 3, taskIndex: (i >> 2) & 1, taskId: `task-${(i >> 2) & 1}`, sample: i & 3, reward: (i & 3) / 3, success: (i & 3) === 3,
    }));
    const writer = await writeRun(join(pages.dir, 'keys'), records);
    await writer.close();
    const { page, asked, said, url } = await open(writer.dir);
    const ids = (): Promise<string[]> => page.locator('.rollout-table .rollout-id').allTextContents().then((all) => all.map((text) => text.replace(/^[^s]*/, '')));
    await page.locator('.table-row').nth(23).waitFor();

    await page.keyboard.press('/');
    await page.keyboard.type('reward > 0.5 and task = task-1');
    await page.keyboard.press('Enter');
    assert.equal((await ids()).length, 6);
    assert.match((await page.locator('.counts').textContent())!, /6 of 24/);
    await page.getByRole('columnheader', { name: 'Reward' }).click();
    await page.getByRole('columnheader', { name: 'Reward' }).click();
    assert.deepEqual((await ids()).slice(0, 3).map((id) => id.at(-1)), ['3', '3', '3']);
    await page.locator('.bar').last().click();
    assert.equal((await ids()).length, 3, 'a bar of the histogram filters');
    await page.locator('.removable').click();

    await page.locator('.rollout-table').focus();
    for (const key of ['Home', 'ArrowDown', 'Space', 'ArrowDown', 'Space', 'Enter']) await page.keyboard.press(key);
    await page.locator('.token-pane .cursor').waitFor();
    assert.match((await page.locator('.rollout-bar').textContent())!, /s2t1n3/);
    const cursor = async (): Promise<number> => Number(await page.locator('.token-pane .cursor').first().getAttribute('data-i'));
    const first = await cursor();
    assert.equal((await page.locator('.token-pane .cursor').first().textContent()), 'Hello', 'begins at the first sampled token');
    await page.keyboard.press('n');
    assert.equal(await cursor(), first + 1);
    await page.keyboard.press(']');
    const second = await cursor();
    assert.ok(second > first + 10);
    await page.keyboard.press('[');
    assert.equal(await cursor(), first);
    await page.keyboard.press('ArrowDown');
    await page.keyboard.press('Home');
    await page.keyboard.press('ArrowLeft');
    await page.keyboard.press('End');
    await page.keyboard.press('Control+Home');
    assert.equal(await cursor(), 0);
    await page.keyboard.press('Shift+ArrowRight');
    await page.keyboard.press('Shift+ArrowRight');
    assert.equal(await page.locator('.token-pane .selected').count(), 3);
    const copied = await page.evaluate(() => {
      const event = new ClipboardEvent('copy', { clipboardData: new DataTransfer(), bubbles: true, cancelable: true });
      document.querySelector('.token-pane')!.dispatchEvent(event);
      return event.clipboardData!.getData('text/plain');
    });
    assert.equal(copied, '<|im_start|>system\n', 'what is copied is the text itself');

    await page.keyboard.press('/');
    await page.keyboard.type(' because');
    await page.locator('.token-pane .hit').waitFor();
    assert.equal(await page.locator('.find-count').textContent(), '1 of 1');
    await page.keyboard.press('Escape');
    await page.keyboard.press('c');
    assert.equal(await page.locator('.tokens-view select').first().inputValue(), 'entropy');
    await page.keyboard.press('g');
    await page.keyboard.press(']');
    await page.keyboard.press('g');
    await until(() => asked.length === 2, 'The code is not asked for.');
    assert.deepEqual(asked, [{ do: 'code', place: { file: '/project/workflow.ts', line: 10 } }, { do: 'code', place: { file: '/project/workflow.ts', line: 11 } }]);
    await page.keyboard.press('n');
    await page.getByRole('button', { name: 'Fork from here' }).click();
    await until(() => asked.length === 3, 'No fork is asked for.');
    assert.deepEqual(asked.at(-1), { do: 'fork', rollout: 's2t1n3', call: 1, token: 1 });

    // Views hand over the place: the answer of call 1.
    await page.keyboard.press('3');
    await page.locator('.turn.current').waitFor();
    assert.match((await page.locator('.turn.current').textContent())!, /call 1/);
    await page.keyboard.press('ArrowUp');
    await page.keyboard.press('ArrowUp');
    assert.match((await page.locator('.turn.current').textContent())!, /call 0/);
    await page.keyboard.press('2');
    assert.equal(await cursor(), first);
    await page.keyboard.press('4');
    assert.match((await page.locator('.tree-row.current').textContent())!, /call 0/);
    await page.keyboard.press('End');
    await page.keyboard.press('Enter');
    await page.locator('.token-pane .cursor').waitFor();
    assert.equal(await cursor(), second);

    await page.keyboard.press('5');
    await page.locator('.compare-head').first().waitFor();
    assert.equal(await page.locator('.compare-head').count(), 4);
    assert.match((await page.locator('.compare-shared').textContent())!, new RegExp(`${begin.length + encodeText('<|im_start|>assistant\n').length} tokens shared`));
    await page.getByRole('button', { name: 'Same task, other steps' }).click();
    await page.waitForFunction(() => document.querySelectorAll('.compare-head').length === 3);
    await page.getByRole('button', { name: /Marked \(2\)/ }).click();
    await page.waitForFunction(() => document.querySelectorAll('.compare-head').length === 2);

    // All of it is there again after a reload.
    await page.reload();
    await page.locator('.compare-head').first().waitFor();
    assert.equal(new URL(page.url()).href, url);
    await page.keyboard.press('2');
    await page.locator('.token-pane .cursor').waitFor();
    assert.equal(await cursor(), second);
    await page.keyboard.press('1');
    assert.equal((await ids()).length, 6);
    assert.equal(await page.locator('.filter-input').inputValue(), 'reward > 0.5 and task = task-1');
    assert.deepEqual(said, []);
  });

  test('a mistake in a filter is shown at its place, names are completed by keys', async () => {
    const writer = await writeRun(join(pages.dir, 'filter'), [conversation('s0t0n0', [{ sent: begin, answer: encodeText('Hello') }])]);
    await writer.close();
    const { page } = await open(writer.dir);
    await page.locator('.table-row').first().waitFor();
    await page.locator('.filter-input').fill('reward < and');
    assert.match((await page.locator('.filter-box .mistake').textContent())!, /^ {9}\^\^\^“and” is no value/);
    assert.equal(await page.locator('.table-row').count(), 1, 'what was shown stays');
    await page.locator('.filter-input').fill('');
    await page.locator('.filter-input').pressSequentially('adv');
    await page.keyboard.press('ArrowDown');
    await page.keyboard.press('Enter');
    assert.equal(await page.locator('.filter-input').inputValue(), 'advantage ');
  });

  test('a run that grows: rows appear, the open rollout grows in place, who is at the end follows', async () => {
    const turns = Array.from({ length: 30 }, (_, i) => ({ sent: i === 0 ? begin : goOn, answer: [...encodeText(`step ${i}\nHello`), IM_END] }));
    const growing = conversation('s0t1n0', turns, { taskIndex: 1, taskId: 'task-1' });
    const writer = await writeRun(join(pages.dir, 'growing'), [conversation('s0t0n0', turns.slice(0, 2))]);
    const { calls, ...rest } = growing;
    const where = { run: writer.dir.split('/').at(-1)!, rollout: rest.rollout, step: 0, split: 'training' as const, taskIndex: 1, taskId: 'task-1', sample: 0 };
    await writer.journal.begin(where, 1);
    for (const call of calls.slice(0, 15)) await writer.journal.call(where.rollout, 1, call);
    const { page, said } = await open(writer.dir);
    await page.locator('.table-row', { hasText: 's0t1n0' }).waitFor();
    assert.match((await page.locator('.run-state').textContent())!, /live/);
    await page.locator('.table-row', { hasText: 's0t1n0' }).dblclick();
    await page.locator('.token-pane .t').first().waitFor();
    await page.keyboard.press('Control+End');
    const last = async (): Promise<number> => Math.max(...await page.locator('.token-pane .t').evaluateAll((all) => all.map((one) => Number((one as HTMLElement).dataset.i))));
    const before_ = await last();
    for (const call of calls.slice(15, 20)) await writer.journal.call(where.rollout, 1, call);
    await page.waitForFunction((token) => Math.max(...[...document.querySelectorAll<HTMLElement>('.token-pane .t')].map((one) => Number(one.dataset.i))) > token + 50, before_);
    // Reading further up, nothing moves.
    await page.evaluate(() => (document.querySelector('.token-pane')!.scrollTop = 200));
    await page.waitForTimeout(100);
    const top = await page.evaluate(() => [...document.querySelectorAll<HTMLElement>('.token-pane .row.text')].map((row) => row.getBoundingClientRect().top + row.textContent).join('|'));
    await writer.seal({ ...growing, run: where.run });
    await page.waitForFunction(() => /Reward1/.test(document.querySelector('.rollout-bar')!.textContent));
    assert.equal(await page.evaluate(() => [...document.querySelectorAll<HTMLElement>('.token-pane .row.text')].map((row) => row.getBoundingClientRect().top + row.textContent).join('|')), top);
    await writer.updateRun({ state: 'finished', finished: new Date().toISOString() });
    await writer.close();
    await page.waitForFunction(() => document.querySelector('.run-state')!.textContent === 'finished');
    assert.deepEqual(said, []);
  });

  test('a torn trace file: what is whole is shown, and what is not is told', async () => {
    const writer = await writeRun(join(pages.dir, 'torn'), [0, 1, 2].map((n) => conversation(`s0t0n${n}`, [{ sent: begin, answer: encodeText('Hello') }])));
    await writer.close();
    const traces = join(writer.dir, 'traces');
    const file = (await readdir(traces)).find((name) => name.endsWith('.gz'))!;
    await appendFile(join(traces, file), Uint8Array.of(0x1f, 0x8b, 8, 0, 0, 0, 0, 0, 0, 3, 75, 76));
    await appendFile(join(traces, (await readdir(traces)).find((name) => name.endsWith('.idx'))!), '{"id":"s0t0n3","att');
    const { page, said } = await open(writer.dir);
    await page.locator('.table-row').nth(2).waitFor();
    await page.keyboard.press('Enter');
    await page.locator('.token-pane .t').first().waitFor();
    assert.deepEqual(said, []);
  });

  test('of two rollouts asked for one after the other the second stays, whichever is read first; what cannot be had is told', async () => {
    const writer = await writeRun(join(pages.dir, 'late'), [0, 1].map((n) => conversation(`s0t0n${n}`, [{ sent: begin, answer: encodeText(`Hello ${n}`) }])));
    await writer.close();
    const { page, said } = await open(writer.dir);
    const { promise: released, resolve: release } = Promise.withResolvers<void>();
    await page.route('**/rpc/timeline', async (route) => {
      if (route.request().postDataJSON().rollout === 's0t0n0') await released;
      await route.continue();
    });
    await page.locator('.table-row').nth(1).waitFor();
    await page.keyboard.press('Enter');
    await page.keyboard.press('ArrowDown');
    await page.keyboard.press('Enter');
    await page.locator('.rollout-bar', { hasText: 's0t0n1' }).waitFor();
    const late = page.waitForResponse((response) => response.url().endsWith('rpc/timeline'));
    release();
    await (await late).finished();
    await page.evaluate(() => new Promise((resolve) => requestAnimationFrame(() => setTimeout(resolve))));
    assert.match(await page.locator('.rollout-bar').innerText(), /s0t0n1/);
    await page.route('**/rpc/conversation', (route) => route.fulfill({ status: 500, json: { error: { code: 'trace-torn', message: 'The trace ends here.' } } }));
    await page.keyboard.press('3');
    await page.getByText('The trace ends here.').waitFor();
    assert.ok(said.every((line) => line.includes('500')), said.join('\n'));
  });

  test('other weights: ratios are coloured and inspected; the group of a task under them', async () => {
    const writer = await writeRun(join(pages.dir, 'score'), [0, 1].map((n) => conversation(`s0t0n${n}`, [{ sent: begin, answer: encodeText(`Hello world ${n}`) }])));
    await writer.close();
    const { page, said } = await open(writer.dir, {
      capabilities: ['score'], checkpoints: [{ name: 'step-20', directory: '/x', step: 20 }], focus: { rollout: 's0t0n0' },
      score: async (rollout, viewer) => ({ checkpoint: 'step-20', logprob: (await viewer.requests.timeline({ rollout })).logprob.map((logprob) => logprob + Math.log(3)) }),
    });
    await page.locator('.token-pane .t').first().waitFor();
    await page.getByLabel('Weights').first().selectOption('step-20');
    await page.locator('.token-pane .t.d5').first().waitFor();
    assert.match((await page.locator('.inspector').textContent())!, /Ratio new\/old3/);
    await page.keyboard.press('5');
    await page.getByLabel('Weights').last().selectOption('step-20');
    await page.locator('.compare-cell .t.d5').first().waitFor();
    await page.reload();
    await page.locator('.compare-cell').first().waitFor();
    assert.deepEqual(said, []);
  });

  test('two roles that sampled the same token: each one’s own probability, and whether it is trained', async () => {
    const tokens = { from: null, tail: [...begin, ...encodeText('<|im_start|>assistant\n')], sampled: encodeText('Hello'), logprobs: [Math.log(0.25)] };
    const twice = conversation('s0t0n0', [{ sent: begin, answer: encodeText('Hello'), more: { role: 'rival', target: false } }, { sent: begin, answer: encodeText('Hello'), more: { role: 'runner', tokens } }]);
    const writer = await writeRun(join(pages.dir, 'twice'), [twice]);
    await writer.close();
    const { page } = await open(writer.dir, { focus: { rollout: 's0t0n0' } });
    await page.locator('.inspector .again li').first().waitFor();
    assert.match((await page.locator('.inspector .facts').innerText()).replace(/\s+/g, ' '), /its role is not trained.*rival/i);
    assert.deepEqual((await page.locator('.inspector .again li > span').allTextContents()).slice(0, 4), ['Call 1 · runner', '25.0%', '−1.38629', 'Trained']);
    await page.keyboard.press('1');
    await page.locator('.table-row .col-role', { hasText: 'rival, runner' }).waitFor();
  });

  test('without a vocabulary tokens show their ids, and it is said; Chinese is Chinese', async () => {
    const writer = await writeRun(join(pages.dir, 'bare'), [conversation('s0t0n0', [{ sent: begin, answer: encodeText('Hello') }])], { tokenizer: undefined });
    await writer.close();
    const { page } = await open(writer.dir, { language: 'zh-cn' });
    assert.match((await page.locator('.banner').textContent())!, /词表/);
    await page.locator('.table-row').first().waitFor();
    await page.keyboard.press('Enter');
    await page.locator('.token-pane .t').first().waitFor();
    assert.equal(await page.locator('.token-pane .t').first().textContent(), '#256');
    assert.match((await page.locator('.tabs').textContent())!, /消息/);
  });

  test('axe finds nothing serious in any view, light, dark and high contrast', async () => {
    const axe = readFileSync(createRequire(import.meta.url).resolve('axe-core/axe.min.js'), 'utf8');
    const turns = [{ sent: begin, answer: [...encodeText('Hello world 界\u202e'), IM_END] }, { sent: goOn, answer: encodeText('the answer'), more: { why: 'intervened' as const } }];
    const writer = await writeRun(join(pages.dir, 'axe'), [0, 1, 2].map((n) => conversation(`s0t0n${n}`, turns, { reward: n / 2, ...(n === 2 && { status: 'failed', error: { code: 'rollout-threw', message: 'No.', stack: 'Error: No.\n    at run (/project/workflow.ts:7:3)' } }) })));
    await writer.close();
    const { page } = await open(writer.dir);
    await page.evaluate(axe);
    const check = async (what: string, rules?: string[]): Promise<void> => {
      const found = await page.evaluate(async (only) => {
        const { violations } = await (globalThis as unknown as { axe: { run(context: Document, options: object): Promise<{ violations: { id: string; impact: string; nodes: { html: string; failureSummary: string }[] }[] }> } }).axe.run(document, only === undefined ? {} : { runOnly: only });
        return violations.filter(({ impact }) => impact === 'serious' || impact === 'critical').map(({ id, nodes }) => `${id}: ${nodes[0]!.html} ${nodes[0]!.failureSummary}`);
      }, rules);
      assert.deepEqual(found, [], what);
    };
    for (const theme of ['light', 'dark', 'contrast'] as const) {
      // Themes differ in colours alone.
      const rules = theme === 'light' ? undefined : ['color-contrast'];
      await page.emulateMedia({ colorScheme: theme === 'light' ? 'light' : 'dark', contrast: theme === 'contrast' ? 'more' : 'no-preference' });
      for (const view of ['1', '2', '3', '4', '5']) {
        await page.keyboard.press(view);
        await page.waitForTimeout(200);
        await check(`${theme}, view ${view}`, rules);
      }
      await page.keyboard.press('2');
      await page.getByRole('button', { name: 'Table of tokens' }).click();
      await check(`${theme}, table of tokens`, rules);
      await page.getByRole('button', { name: 'Table of tokens' }).click();
      await page.keyboard.press('1');
    }
    for (const mode of ['target', 'role', 'version'] as const) {
      await page.keyboard.press('2');
      await page.locator('.tokens-view select').first().selectOption(mode);
      await check(mode, ['color-contrast']);
    }
  });
});
