import { execFile, spawn } from 'node:child_process';
import { existsSync } from 'node:fs';
import { basename, dirname } from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { TuningForkError } from '../../protocol/errors.ts';
import { openRunReader } from '../../trace/index.ts';
import { Dashboard } from '../../view/dashboard.ts';
import { serveViewer } from '../../view/server.ts';
import { RunViewer } from '../../view/viewer.ts';
import { wholeNumber, type Command } from '../args.ts';
import { indexOfRollout, runNamed } from '../find-run.ts';
import { onInterrupt } from '../interrupt.ts';
import { EXIT, note, paint, print, printJson } from '../io.ts';
import { language, t } from '../l10n.ts';
import { OtherRuns } from '../other-runs.ts';

const root = fileURLToPath(new URL('../../..', import.meta.url));
const assets = fileURLToPath(new URL('../../../dist/webview', import.meta.url));

export const view: Command = {
  name: 'view',
  summary: 'Look at a run in the browser: rollouts, every token, conversations, comparisons',
  usage: '[<run>] [--rollout <id>]',
  about: [
    'The page is served on this machine only, at an address with a token. A run that is going on is shown as it grows.',
    'Ctrl-C ends it; the run is not touched.',
  ],
  examples: ['tuning-fork view', 'tuning-fork view latest --rollout s0t3n1'],
  options: {
    rollout: { value: 'id', short: 'r', help: 'Begin with this rollout' },
    port: { value: 'port', short: 'p', help: 'Where to listen (default: a free one)', number: wholeNumber(0) },
    'no-open': { help: 'Only print the address' },
  },
  words: { least: 0, most: 1 },
  run: async (args) => {
    const { dir } = await runNamed(args, args.words[0] ?? 'latest');
    const rollout = args.text('rollout');
    if (rollout !== undefined) indexOfRollout(await openRunReader(dir), rollout);
    await build();
    const others = new OtherRuns(dirname(dirname(dirname(dir))), assets);
    const viewer = await RunViewer.open(dir, others.host);
    const dashboard = viewer.run.info.kind === 'training' ? dashboardOf(dir, (id) => void (server.focus = { rollout: id })) : undefined;
    const server = await serveViewer({ viewer, dashboard, assets, ...(rollout !== undefined && { focus: { rollout } }), port: args.number('port') });
    if (args.on('json')) printJson({ type: 'viewing', url: server.url, ...(dashboard !== undefined && { dashboard: server.dashboardUrl }), dir });
    else {
      print(`${t('{0} is shown at', viewer.run.info.run)} ${paint.cyan(server.url)}`);
      if (dashboard !== undefined) print(`${t('Its training at')} ${paint.cyan(server.dashboardUrl)}`);
      note(paint.dim(t('Ctrl-C ends it.')));
    }
    if (!args.on('no-open') && !args.on('json')) openBrowser(server.once(dashboard === undefined || rollout !== undefined ? server.url : server.dashboardUrl));
    const ended = Promise.withResolvers<void>();
    using _interrupt = onInterrupt(ended.resolve);
    await ended.promise;
    await Promise.all([server.close(), others.close()]);
    return EXIT.ok;
  },
};

/** All trainings beside this one can be laid over it; a rollout of this one opens in the viewer. */
function dashboardOf(dir: string, openRollout: (id: string) => void): Dashboard {
  return new Dashboard([dirname(dirname(dirname(dir)))], {
    capabilities: ['rollout'], language,
    act: async (action) => {
      if (action.do !== 'rollout') throw new TuningForkError('usage', t('The browser can\'t do "{0}".', action.do), { next: t('Open the run in VS Code.') });
      if (action.dir !== dir) throw new TuningForkError('usage', t('Rollouts of another run are not shown here.'), { next: `tuning-fork view ${basename(action.dir)} --rollout ${action.rollout}` });
      openRollout(action.rollout);
    },
  });
}

/** The page is bundled in what is published; in a clone it is made when it is first asked for. */
async function build(): Promise<void> {
  if (existsSync(`${assets}/viewer.js`) && existsSync(`${assets}/dashboard.js`)) return;
  await promisify(execFile)(process.execPath, ['esbuild.mjs'], { cwd: root, windowsHide: true });
}

function openBrowser(url: string): void {
  const [command, ...more] = process.platform === 'darwin' ? ['open'] : process.platform === 'win32' ? ['rundll32', 'url.dll,FileProtocolHandler'] : ['xdg-open'];
  const child = spawn(command!, [...more, url], { stdio: 'ignore', detached: true, windowsHide: true });
  // No browser here: the address is printed.
  child.on('error', () => {});
  child.unref();
}
