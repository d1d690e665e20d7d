/** The trace viewer's page over large runs, in a real Chromium, served as `tuning-fork view` does. Milliseconds are those of the page's own clock. */
import { join } from 'node:path';
import type { Page } from 'playwright-core';
import { TOKEN } from '../../runtime/protocol/viewer.ts';
import { bundlePages } from '../../esbuild.mjs';
import { dice, rollout } from '../runtime/trace/samples.ts';
import { Pages, type Opened } from '../webview/pages.ts';
import { conversation, encodeText, IM_END, message, writeRun } from '../webview/runs.ts';
import { median, type Figure } from './figure.ts';

const ROLLOUTS = 100_000;
const TOKENS = 100_000;
const ROUNDS = 5;

export async function bench(): Promise<Figure[]> {
  const pages = await Pages.start({ minify: true });
  try {
    return [...await rollouts(pages), ...await tokens(pages), ...await sizes(pages)];
  } finally {
    await pages.stop();
  }
}

async function rollouts(pages: Pages): Promise<Figure[]> {
  const small = rollout(0, 1, 2);
  const records = Array.from({ length: ROLLOUTS }, (_, i) => ({
    ...small, rollout: `s${i >> 10}t${i >> 3}n${i & 7}`, step: i >> 10, taskIndex: i >> 3, taskId: `train-${i >> 3}`, sample: i & 7, reward: ((i * 7919) % 1000) / 1000, success: (i & 3) === 0,
  }));
  const writer = await writeRun(join(pages.dir, 'many'), records);
  await writer.close();
  const firstPaint: number[] = [];
  const filter: number[] = [];
  let heap = 0;
  for (let round = 0; round < ROUNDS; round++) {
    const opened = await pages.open(writer.dir);
    const { page } = opened;
    await page.locator('.table-row').first().waitFor();
    firstPaint.push(await painted(page, 'rollouts'));
    for (const expression of ['reward < 0.5 and step > 10', 'task ~ "7" or not success', 'reward > 0.25 and reward < 0.75 and sample = 3']) {
      filter.push(await page.evaluate(async (text) => {
        const input = document.querySelector<HTMLInputElement>('.filter-input')!;
        const before = document.querySelector('.counts')!.textContent;
        input.value = text;
        const began = performance.now();
        input.dispatchEvent(new Event('input'));
        await new Promise((resolve) => requestAnimationFrame(() => setTimeout(resolve)));
        const took = performance.now() - began;
        if (document.querySelector('.counts')!.textContent === before) throw new Error('nothing was filtered');
        return took;
      }, expression));
    }
    heap = Math.max(heap, await memory(opened));
    await opened.close();
  }
  return [
    figure('rollouts_100k_first_paint_ms', median(firstPaint), 'ms', 1_000, 'from the navigation to rows painted; reads the index of the run, over loopback'),
    figure('filter_ms', Math.max(...filter), 'ms', 200, `the slowest of ${filter.length}: parse, 100,000 rows, histogram, frame`),
    figure('heap_mb', heap, 'MB', 150, 'JS heap and its buffers after garbage collection, 100,000 rollouts in the table'),
  ];
}

async function tokens(pages: Pages): Promise<Figure[]> {
  const random = dice(4);
  const words = [' the', ' answer', '\n\n', '    ', ' step', ' because', '界', ' {"', 'tion', '\n', 'Hello', ' world', ' however', ' value'];
  const long = (): number[] => Array.from({ length: TOKENS }, () => encodeText(words[Math.floor(random() * words.length)]!)).flat().slice(0, TOKENS - 40);
  const writer = await writeRun(join(pages.dir, 'long'), Array.from({ length: 6 }, (_, n) => conversation(`s0t0n${n}`, [{ sent: [...message('system', 'Be exact.'), ...message('user', 'Go.')], answer: [...long(), IM_END] }])));
  await writer.close();
  const opened = await pages.open(writer.dir);
  const { page, viewer } = opened;
  await page.locator('.table-row').nth(5).waitFor();
  // One is opened before, as a viewer is used; then others, which neither page nor host has seen.
  await page.keyboard.press('Enter');
  await page.locator('.token-pane .t').first().waitFor();
  const paint: number[] = [];
  for (const n of [1, 2, 3, 4, 5]) {
    paint.push(await page.evaluate(async (id) => {
      const open = (): boolean => document.querySelector('.rollout-bar h2')?.textContent === id;
      if (open()) throw new Error(`${id} is open already`);
      const began = performance.now();
      document.dispatchEvent(new KeyboardEvent('keydown', { key: '.' }));
      while (!open() || document.querySelector('.token-pane .cursor') === null) await new Promise(requestAnimationFrame);
      await new Promise((resolve) => requestAnimationFrame(() => setTimeout(resolve)));
      return performance.now() - began;
    }, `s0t0n${n}`));
  }
  const scroll = await frames(page, '.token-pane');
  const find: number[] = [];
  for (const query of ['however', ' answer step', '#99', '@assistant', '界']) {
    find.push(await page.evaluate(async (text) => {
      const input = document.querySelector<HTMLInputElement>('.find input')!;
      const rest = window.setTimeout;
      // Without the pause for somebody who types on.
      window.setTimeout = ((run: () => void) => (run(), 0)) as typeof window.setTimeout;
      input.value = text;
      const began = performance.now();
      input.dispatchEvent(new Event('input'));
      window.setTimeout = rest;
      await new Promise((resolve) => requestAnimationFrame(() => setTimeout(resolve)));
      return performance.now() - began;
    }, query));
  }
  const timeline = await viewer.requests.timeline({ rollout: 's0t0n0' });
  await opened.close();
  const command: number[] = [];
  for (let round = 0; round < 3; round++) {
    const again = await pages.open(writer.dir, { focus: { rollout: `s0t0n${round}` } });
    await again.page.locator('.token-pane .cursor').waitFor();
    command.push(await painted(again.page, 'tokens'));
    await again.close();
  }
  const peer = await elementPerToken(pages, Array.from({ length: timeline.count }, (_, token) => timeline.text.slice(timeline.start[token], timeline.start[token + 1])), [...timeline.flags].map((flags) => (flags & TOKEN.sampled) !== 0));
  const ours = median(paint);
  return [
    { ...figure('tokens_100k_paint_ms', ours, 'ms', 150, 'in an open viewer, from the key to the frame: read from the run, decoded, sent, laid out; peer: the same tokens as one element each, without all that'), peer: round(peer.paint), ratio: round(peer.paint / ours) },
    figure('tokens_100k_command_ms', median(command), 'ms', 600, 'from the navigation of a new page'),
    { ...figure('scroll_p95_ms', scroll, 'ms', 20, 'a frame while 100,000 tokens are scrolled by 4 rows a frame; peer: one element a token'), peer: round(peer.scroll), ratio: round(peer.scroll / scroll) },
    figure('find_ms', Math.max(...find), 'ms', 100, `the slowest of ${find.length} in 100,000 tokens, with marks and frame; the minimap follows`),
  ];
}

/** What tools that draw each token as an element of its own do, at their best: no attributes, one style sheet. */
async function elementPerToken(pages: Pages, texts: string[], sampled: boolean[]): Promise<{ paint: number; scroll: number }> {
  const page = await pages.browser.newPage({ viewport: { width: 1280, height: 800 } });
  await page.setContent('<style>pre{height:700px;overflow:auto;white-space:pre-wrap;font:13px/22px monospace;margin:0}.s{background:#eef}</style><pre class="all"></pre>');
  const paint = await page.evaluate(async ([all, marks]) => {
    const began = performance.now();
    const into = document.createDocumentFragment();
    for (const [place, text] of (all as string[]).entries()) {
      const span = document.createElement('span');
      if ((marks as boolean[])[place]) span.className = 's';
      span.textContent = text;
      into.append(span);
    }
    document.querySelector('.all')!.append(into);
    await new Promise((resolve) => requestAnimationFrame(() => setTimeout(resolve)));
    return performance.now() - began;
  }, [texts, sampled] as const);
  const scroll = await frames(page, '.all');
  await page.close();
  return { paint, scroll };
}

/** p95 of the time from one frame to the next while each frame scrolls on. */
function frames(page: Page, selector: string): Promise<number> {
  return page.evaluate(async (pane) => {
    const element = document.querySelector<HTMLElement>(pane)!;
    element.scrollTop = 0;
    const frame = (): Promise<number> => new Promise(requestAnimationFrame);
    const took: number[] = [];
    for (let before = await frame(), count = 0; count < 200; count++) {
      element.scrollTop += 88;
      const now = await frame();
      took.push(now - before);
      before = now;
    }
    return took.sort((one, other) => one - other)[Math.floor(took.length * 0.95)]!;
  }, selector);
}

/** When what is there now was painted, from the navigation on. */
async function painted(page: Page, what: string): Promise<number> {
  const mark = await page.evaluate((name) => performance.getEntriesByName(`painted-${name}`)[0]?.startTime, what);
  if (mark === undefined) throw new Error(`The page does not say when it painted its ${what}.`);
  return mark;
}

async function memory({ page }: Opened): Promise<number> {
  const session = await page.context().newCDPSession(page);
  await session.send('HeapProfiler.collectGarbage');
  const { usedSize, backingStorageSize = 0 } = await session.send('Runtime.getHeapUsage') as { usedSize: number; backingStorageSize?: number };
  await session.detach();
  return (usedSize + backingStorageSize) / 1e6;
}

async function sizes(pages: Pages): Promise<Figure[]> {
  const bytes = await bundlePages({ outdir: join(pages.dir, 'sizes'), minify: true });
  return [['viewer_js_kb', 'webview/viewer.js', 120], ['viewer_css_kb', 'webview/viewer.css', 40]].map(([name, file, bound]) => figure(name as string, (bytes[file as string] ?? NaN) / 1000, 'kB', bound as number, 'minified'));
}

function figure(name: string, ours: number, unit: string, bound: number, note: string): Figure {
  return { name, ours: round(ours), peer: null, ratio: null, unit, bound: `<= ${bound}`, holds: ours <= bound, note };
}

const round = (value: number): number => Number(value.toPrecision(4));
