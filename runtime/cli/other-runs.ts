/** Runs beside the one that is shown in the browser: each is served when a link to it is followed. */
import { isAbsolute, relative, resolve, sep } from 'node:path';
import { TuningForkError } from '../protocol/errors.ts';
import type { ViewerAction, ViewFocus } from '../protocol/viewer.ts';
import { serveViewer, type ViewServer } from '../view/server.ts';
import { RunViewer, type ViewerHost } from '../view/viewer.ts';
import { language, t } from './l10n.ts';

export class OtherRuns {
  readonly #root: string;
  readonly #assets: string;
  readonly #open = new Map<string, Promise<ViewServer>>();

  /** `root`: the folder that all of them lie in. */
  constructor(root: string, assets: string) {
    this.#root = resolve(root);
    this.#assets = assets;
  }

  /** What a page in the browser may do, whichever run it shows. There is no editor beside it. */
  readonly host: ViewerHost = {
    capabilities: ['save', 'runs'], language,
    act: async (action: ViewerAction) => {
      if (action.do !== 'openRun') throw new TuningForkError('usage', t('The browser can\'t do "{0}".', action.do), { next: t('Open the run in VS Code.') });
      const { dir, rollout, call, token } = action;
      return this.#address(resolve(dir), rollout === undefined ? undefined : { rollout, ...(call !== undefined && { call }), ...(token !== undefined && { token }) });
    },
  };

  async close(): Promise<void> {
    await Promise.all([...this.#open.values()].map(async (opening) => (await opening.catch(() => undefined))?.close()));
  }

  async #address(dir: string, focus: ViewFocus | undefined): Promise<string> {
    // A page shows what models wrote: it leads to runs of this project, and nowhere else.
    const way = relative(this.#root, dir);
    if (isAbsolute(way) || way.split(sep).length !== 3 || way.startsWith('..')) throw new TuningForkError('usage', t('{0} is no run beside this one.', dir));
    const opening = this.#open.get(dir) ?? this.#serve(dir);
    this.#open.set(dir, opening);
    try {
      const server = await opening;
      server.focus = focus;
      return server.url;
    } catch (error) {
      this.#open.delete(dir);
      throw error;
    }
  }

  async #serve(dir: string): Promise<ViewServer> {
    return serveViewer({ viewer: await RunViewer.open(dir, this.host), assets: this.#assets });
  }
}
