/** The page in a real Chromium, over a run folder, served as `tuning-fork view` does. */
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { chromium, type Browser, type BrowserContextOptions, type Page } from 'playwright-core';
import { bundlePages } from '../../esbuild.mjs';
import type { HostCapability, Scores, ViewedRun, ViewerAction, ViewFocus } from '../../runtime/protocol/viewer.ts';
import { serveViewer } from '../../runtime/view/server.ts';
import { sampledPlaces } from '../../runtime/view/timeline.ts';
import { RunViewer } from '../../runtime/view/viewer.ts';
import { chromiumPath } from '../vscode/host/setup.mjs';

export interface OpenOptions extends BrowserContextOptions {
  capabilities?: HostCapability[];
  language?: string;
  focus?: ViewFocus;
  score?(rollout: string, viewer: RunViewer): Promise<Scores>;
  checkpoints?: ViewedRun['checkpoints'];
}

export interface Opened {
  page: Page;
  viewer: RunViewer;
  url: string;
  /** What the page asked its host to do. */
  asked: ViewerAction[];
  /** What went wrong in the page: errors, refused by its policy. */
  said: string[];
  close(): Promise<void>;
}

export class Pages {
  /** For runs and what is built. */
  readonly dir: string;
  readonly browser: Browser;
  readonly #assets: string;

  static async start({ minify = false } = {}): Promise<Pages> {
    const dir = await mkdtemp(join(tmpdir(), 'pages-'));
    await bundlePages({ outdir: dir, minify });
    const browser = await chromium.launch({ executablePath: chromiumPath(), timeout: 30_000, args: ['--no-sandbox', '--disable-gpu', '--no-first-run', '--disable-background-networking', '--enable-precise-memory-info'] });
    return new Pages(dir, browser);
  }

  private constructor(dir: string, browser: Browser) {
    this.dir = dir;
    this.browser = browser;
    this.#assets = join(dir, 'webview');
  }

  async open(run: string, { capabilities = ['code', 'fork', 'debug', 'copy', 'save'], language = 'en', focus, score, checkpoints, ...context }: OpenOptions = {}): Promise<Opened> {
    const asked: ViewerAction[] = [];
    const said: string[] = [];
    const viewer: RunViewer = await RunViewer.open(run, {
      capabilities, language,
      act: async (action) => {
        asked.push(action);
        return null;
      },
      ...(score !== undefined && {
        score: async (_dir: string, rollout: string) => {
          const { logprob } = await score(rollout, viewer);
          const timeline = await viewer.requests.timeline({ rollout });
          return timeline.calls.map((call) => ({ call: call.index, logprobs: sampledPlaces(timeline, call).map((place) => logprob[place]!) }));
        },
      }),
    });
    if (checkpoints !== undefined) {
      const { view } = viewer;
      viewer.view = async (at) => ({ ...await view.call(viewer, at), checkpoints });
    }
    const server = await serveViewer({ viewer, assets: this.#assets, ...(focus !== undefined && { focus }) });
    const page = await this.browser.newPage({ viewport: { width: 1280, height: 800 }, ...context });
    page.setDefaultTimeout(10_000);
    page.on('pageerror', (error) => said.push(error.stack ?? error.message));
    page.on('console', (message) => message.type() === 'error' && !message.text().includes('favicon') && said.push(message.text()));
    await page.goto(server.url);
    return {
      page, viewer, url: server.url, asked, said,
      close: async () => {
        await page.close();
        await server.close();
      },
    };
  }

  async stop(): Promise<void> {
    await this.browser.close();
    await rm(this.dir, { recursive: true, force: true });
  }
}
