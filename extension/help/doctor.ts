/** "Doctor": what this machine has and lacks for running workflows, each lack with its cause and what helps. Starts nothing but Nodes that tell their version. */
import { homedir, release } from 'node:os';
import { basename, dirname } from 'node:path';
import * as vscode from 'vscode';
import { BackboneClient } from '../../runtime/backbone/client.ts';
import { hasBackbone, Location, projectFolder } from '../../runtime/backbone/location.ts';
import { VERSION } from '../../runtime/backbone/version.ts';
import { loadConfig } from '../../runtime/config/load.ts';
import { errorInfo, formatPlace, type ErrorInfo } from '../../runtime/protocol/errors.ts';
import { missingKey } from '../../runtime/protocol/providers.ts';
import { nodeForRuns } from '../backbone/node.ts';
import { asOverrides } from '../discovery/given.ts';
import { inOurWords } from '../errors.ts';
import { findsPackage } from '../scaffold/package.ts';
import { setting } from '../settings.ts';
import type { Studio } from '../studio.ts';
import { isGpuAtHand } from '../training/gpu.ts';
import { backbones } from '../training/preflight.ts';
import { projectsOf } from '../views/projects.ts';
import { asPage, asText, type Finding, type Section } from './finding.ts';
import { foundNodes, loadOnnx } from './nodes.ts';

const PATIENCE_MS = 2_000;
/** What the page may ask the editor to do. */
const COMMANDS = [
  'tuningFork.doctor', 'tuningFork.setUpGpu', 'tuningFork.addPackage', 'tuningFork.showLog', 'tuningFork.setApiKey', 'tuningFork.createConfig', 'tuningFork.openExample', 'tuningFork.copyDoctorReport',
  'workbench.action.openSettings', 'workbench.trust.manage', 'vscode.open',
];

let panel: vscode.WebviewPanel | undefined;
let copyable = '';

export async function doctor(studio: Studio): Promise<void> {
  const title = vscode.l10n.t('Tuning Fork: Doctor');
  panel ??= openPanel(title);
  panel.reveal();
  const sections = await vscode.window.withProgress({ location: { viewId: 'tuningFork.runs' } }, () => examine(studio));
  copyable = `${title}\n\n${asText(sections, homedir())}`;
  studio.log.info(copyable);
  if (panel === undefined) return;
  panel.webview.html = asPage(sections, {
    language: vscode.env.language, title,
    verdicts: { ok: vscode.l10n.t('well'), warning: vscode.l10n.t('warning'), failed: vscode.l10n.t('wrong'), told: vscode.l10n.t('note') },
    actions: [
      { title: vscode.l10n.t('Copy Report'), command: 'tuningFork.copyDoctorReport' },
      { title: vscode.l10n.t('Look Again'), command: 'tuningFork.doctor' },
      { title: vscode.l10n.t('Show the Log'), command: 'tuningFork.showLog' },
    ],
  });
}

/** Nothing secret is in it: of keys only the names, and no home folder. */
export async function copyReport(studio: Studio): Promise<void> {
  if (copyable === '') await doctor(studio);
  await vscode.env.clipboard.writeText(copyable);
  vscode.window.setStatusBarMessage(`$(clippy) ${vscode.l10n.t('The report is in the clipboard.')}`, 5_000);
}

function openPanel(title: string): vscode.WebviewPanel {
  const opened = vscode.window.createWebviewPanel('tuningFork.doctor', title, vscode.ViewColumn.Active, { enableScripts: false, enableCommandUris: COMMANDS, localResourceRoots: [] });
  opened.onDidDispose(() => void (panel = undefined));
  return opened;
}

async function examine(studio: Studio): Promise<Section[]> {
  const [machine, process, projects, configs, models] = await Promise.all([versions(studio), nodes(studio), backbonesOf(studio), configurations(studio), languageModels(studio)]);
  return [
    { title: vscode.l10n.t('Versions'), findings: machine },
    { title: 'Node.js', findings: process },
    { title: vscode.l10n.t('Workspace'), findings: [trust(), ...configs, ...projects] },
    { title: vscode.l10n.t('Models and training'), findings: [...models, ...training()] },
  ];
}

async function versions({ context }: Studio): Promise<Finding[]> {
  const { version } = context.extension.packageJSON as { version: string };
  const remote = vscode.env.remoteName;
  return [
    { title: 'Tuning Fork', verdict: 'told', message: `${version} (${VERSION.split('+')[1]})` },
    { title: 'VS Code', verdict: 'told', message: [vscode.version, vscode.env.appName, remote].filter(Boolean).join(' · ') },
    { title: vscode.l10n.t('Extension host'), verdict: 'told', message: `Node.js ${process.version}${process.versions.electron === undefined ? '' : ` · Electron ${process.versions.electron}`}` },
    { title: vscode.l10n.t('System'), verdict: 'told', message: `${process.platform} ${process.arch} · ${release()} · ${vscode.env.language}` },
  ];
}

async function nodes({ context }: Studio): Promise<Finding[]> {
  const asked = setting('node.path');
  const chosen = chosenNode();
  const settings = { title: vscode.l10n.t('Choose Node.js'), command: 'workbench.action.openSettings', args: ['tuningFork.node.path'] };
  const install = { title: vscode.l10n.t('Install Node.js'), command: 'vscode.open', args: [vscode.Uri.parse('https://nodejs.org/en/download')] };
  const first: Finding = typeof chosen === 'string'
    ? { title: vscode.l10n.t('Runs workflows'), verdict: 'ok', message: chosen }
    : { title: vscode.l10n.t('Runs workflows'), verdict: 'failed', message: chosen.message, ...(chosen.next !== undefined && { next: chosen.next }), fixes: [install, settings] };
  const found = await foundNodes(asked);
  const others = found.filter(({ path }) => path !== chosen).map((node): Finding => ({
    title: node.path, verdict: 'told',
    message: [node.version ?? vscode.l10n.t('does not start'), node.usable ? vscode.l10n.t('would do') : vscode.l10n.t('can’t run TypeScript; 22.18 or newer can'), ...(node.own ? [vscode.l10n.t('VS Code’s own')] : [])].join(' · '),
  }));
  return [first, ...(typeof chosen === 'string' ? [await onnx(chosen, context.extensionPath)] : []), ...others];
}

function chosenNode(): string | ErrorInfo {
  try {
    return nodeForRuns();
  } catch (error) {
    return errorInfo(error);
  }
}

async function onnx(node: string, root: string): Promise<Finding> {
  const problem = await loadOnnx(node, root);
  if (problem === undefined) return { title: 'ONNX Runtime', verdict: 'ok', message: vscode.l10n.t('loads: the embedded model runs and trains') };
  return {
    title: 'ONNX Runtime', verdict: 'failed', message: problem,
    next: vscode.l10n.t('The embedded model needs it. Take the package of Tuning Fork that is made for {0}-{1}; on Windows install the Visual C++ runtime.', process.platform, process.arch),
  };
}

function trust(): Finding {
  const title = vscode.l10n.t('Trust');
  if (vscode.workspace.isTrusted) return { title, verdict: 'ok', message: vscode.l10n.t('The workspace is trusted.') };
  return {
    title, verdict: 'warning', message: vscode.l10n.t('The workspace is not trusted: traces can be read, nothing of it runs.'),
    fixes: [{ title: vscode.l10n.t('Manage Trust'), command: 'workbench.trust.manage' }],
  };
}

async function configurations({ discovery, secrets }: Studio): Promise<Finding[]> {
  await discovery.ready;
  const { configs, workflows } = discovery;
  const env = await secrets.environment();
  const counted: Finding = {
    title: vscode.l10n.t('Workflows'), verdict: workflows.length === 0 ? 'warning' : 'ok', message: vscode.l10n.t('workflows: {0}, configurations: {1}', workflows.length, configs.length),
    ...(workflows.length === 0 && { fixes: [{ title: vscode.l10n.t('Open Example'), command: 'tuningFork.openExample' }] }),
  };
  const checked = await Promise.all(configs.map(async ({ file, project, given }): Promise<Finding[]> => {
    const title = vscode.workspace.asRelativePath(file);
    try {
      const { warnings } = await loadConfig(file, asOverrides(given), { env, cwd: project });
      return warnings.length === 0 ? [{ title, verdict: 'ok', message: vscode.l10n.t('can be read') }] : warnings.map((warning) => finding(title, 'warning', warning));
    } catch (error) {
      const all = (error as { errors?: ErrorInfo[] }).errors ?? [errorInfo(error)];
      return all.map((each) => finding(title, 'failed', each));
    }
  }));
  return [counted, ...packages(workflows.map(({ file }) => file)), ...checked.flat()];
}

/** Runs bring the package along; TypeScript has its types from the project alone. */
function packages(files: readonly string[]): Finding[] {
  const byProject = new Map(files.map((file) => [projectFolder(dirname(file)), file]));
  return [...byProject].filter(([project]) => !findsPackage(project)).map(([project, file]) => ({
    title: vscode.l10n.t('Package of {0}', basename(project)), verdict: 'warning', message: vscode.l10n.t('tuning-fork is not in node_modules: it runs, but TypeScript knows no types of it.'),
    fixes: [{ title: vscode.l10n.t('Add tuning-fork to This Project'), command: 'tuningFork.addPackage', args: [file] }],
  }));
}

function finding(title: string, verdict: Finding['verdict'], error: ErrorInfo): Finding {
  const key = missingKey(error);
  const { message, next, where } = inOurWords(error);
  const place = where && vscode.Uri.file(where.file).with({ fragment: `L${where.line ?? 1},${where.column ?? 1}` });
  return {
    title: where === undefined ? title : formatPlace({ ...where, file: title }), verdict, message, ...(next !== undefined && { next }),
    fixes: [
      ...(place === undefined ? [] : [{ title: vscode.l10n.t('Show the Place'), command: 'vscode.open', args: [place] }]),
      ...(key === undefined ? [] : [{ title: vscode.l10n.t('Set API Key'), command: 'tuningFork.setApiKey', args: [key] }]),
    ],
  };
}

/** Asked, never started. */
async function backbonesOf(studio: Studio): Promise<Finding[]> {
  return Promise.all((await projectsOf(studio)).map(async (project): Promise<Finding> => {
    const title = vscode.l10n.t('Backbone of {0}', basename(project));
    const address = hasBackbone(project) ? new Location(project).read() : undefined;
    if (address === undefined) return { title, verdict: 'told', message: vscode.l10n.t('not running; it starts when it is needed') };
    try {
      const client = await BackboneClient.open(address, 'vscode', PATIENCE_MS);
      const { pid, uptime, runs, policies } = await client.request('status', null);
      client.close();
      const going = runs.filter(({ info }) => info.state === 'running').length;
      const message = vscode.l10n.t('process {0}, up {1} min, {2} runs going on, models: {3}', pid, Math.round(uptime / 60_000), going, policies.join(', ') || '–');
      if (address.version === VERSION) return { title, verdict: 'ok', message };
      return { title, verdict: 'warning', message, next: vscode.l10n.t('It is of another version; it is replaced when its runs are over.') };
    } catch (error) {
      return { title, verdict: 'failed', message: inOurWords(errorInfo(error)).message, next: vscode.l10n.t('End process {0}; the next run starts a new one.', address.process.pid) };
    }
  }));
}

async function languageModels({ secrets }: Studio): Promise<Finding[]> {
  const models = await vscode.lm.selectChatModels().then((found) => found, () => []);
  return [
    {
      title: vscode.l10n.t('API keys'), verdict: 'told', message: secrets.names.join(', ') || vscode.l10n.t('none is kept; the embedded model needs none'),
      fixes: [{ title: vscode.l10n.t('Set API Key'), command: 'tuningFork.setApiKey' }],
    },
    {
      title: vscode.l10n.t('Models of VS Code'), verdict: 'told',
      message: models.length === 0 ? vscode.l10n.t('none; an extension such as GitHub Copilot brings some') : models.map(({ id }) => `vscode:${id}`).join(', '),
    },
  ];
}

function training(): Finding[] {
  const gpu = isGpuAtHand();
  return backbones().map(({ name, here, why }): Finding => {
    const title = vscode.l10n.t('Training on {0}', name);
    if (name !== 'gpu' || gpu) return { title, verdict: here ? 'ok' : 'told', message: why };
    return { title, verdict: 'told', message: vscode.l10n.t('{0}; not set up on this machine', why), fixes: [{ title: vscode.l10n.t('Set Up GPU Runtime'), command: 'tuningFork.setUpGpu' }] };
  });
}
