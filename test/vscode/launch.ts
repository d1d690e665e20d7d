/** Starts a real VS Code (its server, with Chromium as the window) on a folder of its own, and ends all of it afterwards. */
import { spawn, type ChildProcess } from 'node:child_process';
import { cpSync, existsSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, statSync, writeFileSync } from 'node:fs';
import { createServer, type AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { basename, delimiter, dirname, join, relative } from 'node:path';
import { fileURLToPath } from 'node:url';
import { build } from 'esbuild';
import { chromium, type Browser, type Page } from 'playwright-core';
import { bundle } from '../../esbuild.mjs';
import { setUpHost } from './host/setup.mjs';

export const repository = fileURLToPath(new URL('../../', import.meta.url));

export interface LaunchOptions {
  /** A folder that is opened as it is, or none… */
  folder?: string | null;
  /** …or one that is copied (without `runs` and `node_modules`), or its files, or both. */
  workspace?: { from?: string; files?: Record<string, string> };
  /** The folder of the extension under development; the repository unless told. `null`: none. */
  extension?: string | null;
  /** A packed extension to install instead, as a user would. */
  vsix?: string;
  settings?: Record<string, unknown>;
  locale?: 'en' | 'zh-cn';
  theme?: 'light' | 'dark' | 'high-contrast' | 'high-contrast-light';
  /** `false`: the folder is not trusted. */
  trusted?: boolean;
  env?: Record<string, string>;
  /** `false`: no window yet; for tests that run inside the extension host alone. */
  window?: boolean;
  port?: number;
}

export interface Host {
  page: Page;
  url: string;
  /** The folder that is open, as the extension sees it. */
  workspace: string;
  /** Where VS Code keeps its data; removed at the end. */
  dir: string;
  /** Runs a test module inside the extension host: it exports `run()`, uses the `vscode` API, and fails by throwing. */
  runTests(module: string | URL): Promise<void>;
  /** Opens the window again, as "Developer: Reload Window" does. */
  reload(): Promise<void>;
  /** Writes `dist/screens/<name>.png` and returns its path. */
  screenshot(name: string): Promise<string>;
  /** What the server, the extension host, the output channels and the page's console have said. */
  logs(): string;
  close(): Promise<void>;
  [Symbol.asyncDispose](): Promise<void>;
}

const THEMES = { light: 'Default Light Modern', dark: 'Default Dark Modern', 'high-contrast': 'Default High Contrast', 'high-contrast-light': 'Default High Contrast Light' };

/** What the picker calls it, and a part of its class. */
const SHOWN_AS = { light: ['Light Modern', 'light_modern'], dark: ['Dark Modern', 'dark_modern'], 'high-contrast': ['Dark High Contrast', 'hc_black'], 'high-contrast-light': ['Light High Contrast', 'hc_light'] } as const;

/** What a test doesn't look at and what would ask the network. */
const QUIET = {
  'workbench.startupEditor': 'none', 'workbench.tips.enabled': false, 'workbench.secondarySideBar.defaultVisibility': 'hidden', 'workbench.reduceMotion': 'on',
  'workbench.enableExperiments': false, 'window.autoDetectColorScheme': false, 'chat.disableAIFeatures': true, 'telemetry.telemetryLevel': 'off',
  'extensions.autoCheckUpdates': false, 'extensions.autoUpdate': false, 'extensions.ignoreRecommendations': true, 'git.enabled': false, 'git.openRepositoryInParentFolders': 'never',
  'typescript.disableAutomaticTypeAcquisition': true, 'json.schemaDownload.enable': false, 'files.simpleDialog.enable': true, 'editor.cursorBlinking': 'solid',
  'security.workspace.trust.startupPrompt': 'never', 'security.workspace.trust.banner': 'always', 'terminal.integrated.shellIntegration.enabled': false,
};

/** What this VS Code says of itself whatever we do: files and translations that only Microsoft's build has, and its own extensions. */
const ALWAYS_SAID = /Failed to load resource|service ?worker|script resource is behind|fetching the script|No bundle location found for extension vscode|github-authentication/i;
const WORKBENCH_SAYS = /^\s*$|^%c|^\[(AgentHost|AccountPolicy)|^Ignoring fetching|^No search provider|ExtensionService/;
const OTHERS_SAY = /vsda|_doActivateExtension vscode\.|No bundle location found for extension vscode|AgentHostChannel|reconnection-grace|without providing a resource|RequestStore#|default profile extensions|ManagementConnection|ExtensionHostConnection/;

export async function launch(options: LaunchOptions = {}): Promise<Host> {
  const server = await startServer(options);
  let browser: Browser | undefined;
  try {
    browser = await openBrowser(server.chromium);
    const page = await newPage(browser, options, server.said);
    if (options.window !== false) await openWorkbench(page, server.url);
    if (options.theme?.startsWith('high-contrast')) await chooseTheme(page, options.theme);
    const close = async (): Promise<void> => {
      await browser?.close();
      await server.close();
    };
    return {
      page, url: server.url, workspace: server.workspace, dir: server.dir, close,
      [Symbol.asyncDispose]: close,
      runTests: (module) => runTests(browser!, server, options, module),
      reload: () => openWorkbench(page, server.url),
      logs: () => allLogs(server),
      async screenshot(name) {
        const path = join(repository, 'dist/screens', `${name}.png`);
        mkdirSync(dirname(path), { recursive: true });
        // A window has the colours of another theme until the chosen one is read.
        await page.locator('.monaco-workbench[class*="vscode-theme-"]').waitFor();
        await page.screenshot({ path });
        return path;
      },
    };
  } catch (error) {
    const logs = allLogs(server);
    await browser?.close();
    await server.close();
    throw new Error(`VS Code did not start: ${(error as Error).message}\n${logs}`, { cause: error });
  }
}

interface Server {
  url: string;
  port: number;
  dir: string;
  workspace: string;
  chromium: string;
  said: string[];
  close(): Promise<void>;
}

/** The server alone: what `npm run code` shows to a person. */
export async function startServer(options: LaunchOptions): Promise<Server> {
  const host = setUpHost();
  // `npm test` has bundled already, once for all.
  if (options.extension === undefined && options.vsix === undefined && process.env.TUNING_FORK_BUNDLE !== 'as-is') await bundle();
  const dir = mkdtempSync(join(tmpdir(), 'tf-code-'));
  const workspace = options.folder ?? join(dir, 'workspace');
  if (options.folder === undefined) layOut(workspace, options.workspace ?? {});
  const settings = { ...QUIET, 'workbench.colorTheme': THEMES[options.theme ?? 'dark'], ...options.settings };
  write(join(dir, 'data/User/settings.json'), JSON.stringify(settings, null, 2));
  const directories = ['--server-data-dir', join(dir, 'srv'), '--user-data-dir', join(dir, 'data'), '--extensions-dir', join(dir, 'ext')];
  const env: NodeJS.ProcessEnv = { ...process.env, EXTENSIONS_GALLERY: '{}', TUNING_FORK_RUNTIME_DIR: join(dir, 'rt'), PATH: `${dirname(process.execPath)}${delimiter}${process.env.PATH}`, ...options.env };
  // What the test runner and an editor around us say is not meant for this VS Code.
  for (const name of Object.keys(env)) if (/^(NODE_OPTIONS|NODE_TEST_CONTEXT|NODE_V8_COVERAGE|ELECTRON_.*|VSCODE_.*)$/.test(name)) delete env[name];
  const serve = (args: string[]): ChildProcess => spawn(process.execPath, [join(repository, 'test/vscode/host/serve.mjs'), dir, host.server, ...args, ...directories], { stdio: ['pipe', 'pipe', 'pipe'], env, cwd: dir });

  const said: string[] = [];
  const listen = (child: ChildProcess): void => {
    for (const stream of [child.stdout!, child.stderr!]) stream.setEncoding('utf8').on('data', (text: string) => void said.push(...text.split('\n').filter((line) => line.trim() !== '').map((line) => `[server] ${line}`)));
  };
  if (options.vsix !== undefined) {
    const installer = serve(['--install-extension', options.vsix, '--force']);
    listen(installer);
    await Promise.race([ended(installer), late(60_000, 'The packed extension was not installed in a minute.')]);
  }
  const port = options.port ?? await freePort();
  const child = serve(['--host', '127.0.0.1', '--port', String(port), '--without-connection-token', '--accept-server-license-terms', '--telemetry-level', 'off', '--enable-smoke-test-driver', '--force-disable-user-env',
    ...(options.trusted === false ? [] : ['--disable-workspace-trust'])]);
  listen(child);
  const close = async (): Promise<void> => {
    child.stdin!.end();
    await ended(child);
  };
  try {
    await Promise.race([answers(port), ended(child).then(() => { throw new Error(`The server ended.\n${said.join('\n')}`); }), late(30_000, `The server did not answer in 30 s.\n${said.join('\n')}`)]);
  } catch (error) {
    await close();
    throw error;
  }
  return { url: address(port, workspace, options, undefined), port, dir, workspace, chromium: host.chromium, said, close };
}

function address(port: number, workspace: string, options: LaunchOptions, tests: string | undefined): string {
  const remote = (path: string): string => `vscode-remote://127.0.0.1:${port}${path}`;
  // VS Code runs tests only for an extension under development; where ours isn't one, an empty one stands for it.
  const none = tests === undefined ? undefined : dirname(tests);
  const extension = options.extension === undefined && options.vsix === undefined ? repository : options.extension ?? none;
  const payload = [['skipWelcome', 'true'], ...(extension === undefined ? [] : [['extensionDevelopmentPath', remote(extension.replace(/\/$/, ''))]]), ...(tests === undefined ? [] : [['extensionTestsPath', remote(tests)]])];
  const opened = options.folder === null ? 'ew=true' : `folder=${encodeURIComponent(workspace)}`;
  return `http://127.0.0.1:${port}/?${opened}&payload=${encodeURIComponent(JSON.stringify(payload))}`;
}

function openBrowser(executablePath: string): Promise<Browser> {
  return chromium.launch({
    executablePath, timeout: 30_000,
    args: ['--no-sandbox', '--disable-gpu', '--disable-quic', '--no-first-run', '--disable-background-networking', '--disable-component-update', '--disable-sync'],
  });
}

async function newPage(browser: Browser, options: LaunchOptions, said: string[]): Promise<Page> {
  const context = await browser.newContext({ viewport: { width: 1440, height: 900 }, locale: options.locale === 'zh-cn' ? 'zh-CN' : 'en-US', permissions: ['clipboard-read', 'clipboard-write'] });
  // What a language pack does for an extension: VS Code's own texts stay English, ours and `vscode.env.language` don't.
  if (options.locale === 'zh-cn') await context.addInitScript('globalThis._VSCODE_NLS_LANGUAGE = "zh-cn"');
  const page = await context.newPage();
  page.setDefaultTimeout(15_000);
  page.on('console', (message) => {
    if (message.type() === 'error' && !ALWAYS_SAID.test(message.text())) said.push(`[page] ${shortened(message.text())}`);
  });
  page.on('pageerror', (error) => said.push(`[page] ${shortened(error.stack ?? error.message)}`));
  return page;
}

async function openWorkbench(page: Page, url: string): Promise<void> {
  await page.goto(url, { waitUntil: 'commit', timeout: 30_000 });
  await page.locator('.monaco-workbench .part.editor').waitFor({ timeout: 60_000 });
  await page.locator('.monaco-workbench .statusbar-item').first().waitFor({ timeout: 30_000 });
}

/** This VS Code takes a theme of high contrast from nobody's settings as it starts. */
export async function chooseTheme(page: Page, theme: NonNullable<LaunchOptions['theme']>): Promise<void> {
  const [label, name] = SHOWN_AS[theme];
  const input = page.locator('.quick-input-widget:visible input.input');
  const rows = page.locator('.quick-input-list .monaco-list-row');
  for (let tries = 0; ; tries++) {
    try {
      await page.keyboard.press('F1');
      await input.fill('>Preferences: Color Theme');
      await rows.filter({ hasText: 'Preferences: Color Theme' }).first().click({ timeout: 5_000 });
      await rows.filter({ hasText: '2026' }).first().waitFor({ timeout: 5_000 });
      await input.fill(label);
      await rows.filter({ hasText: label }).first().click({ timeout: 5_000 });
      return await page.locator(`.monaco-workbench[class*="${name}"]`).waitFor({ timeout: 10_000 });
    } catch (error) {
      // What a window still does as it comes up may close the list.
      if (tries === 4) throw error;
      await page.keyboard.press('Escape');
    }
  }
}

/** A window of its own for each test module: VS Code runs it as it starts. */
async function runTests(browser: Browser, server: Server, options: LaunchOptions, module: string | URL): Promise<void> {
  const source = typeof module === 'string' ? module : fileURLToPath(module);
  const bundle = join(server.dir, 'tests', `${basename(source).replace(/\.\w+$/, '')}.js`);
  await build({ entryPoints: [source], outfile: bundle, bundle: true, platform: 'node', target: 'node20', format: 'cjs', external: ['vscode'], sourcemap: 'inline', logLevel: 'silent' });
  write(join(server.dir, 'tests/package.json'), JSON.stringify({ name: 'tests', publisher: 'tests', version: '0.0.1', engines: { vscode: '*' } }));
  const page = await newPage(browser, options, server.said);
  const lines: string[] = [];
  const exit = Promise.withResolvers<number>();
  await page.exposeFunction('codeAutomationLog', (_type: string, args: unknown[]) => void lines.push(args.map((arg) => (typeof arg === 'string' ? arg : JSON.stringify(arg))).join(' ')));
  await page.exposeFunction('codeAutomationExit', (code: number) => exit.resolve(code));
  try {
    await page.goto(address(server.port, server.workspace, options, bundle), { waitUntil: 'commit' });
    const code = await Promise.race([exit.promise, late(120_000, `The tests of ${relative(repository, source)} did not end in two minutes.\n${lines.join('\n')}`)]);
    if (code !== 0) throw new Error(`The tests of ${relative(repository, source)} failed in VS Code:\n${lines.filter((line) => !WORKBENCH_SAYS.test(line)).join('\n')}`);
  } finally {
    await page.context().close();
  }
}

function shortened(text: string): string {
  return text.replace(/%c\s*/g, '').replace(/ color: #?\w*/g, '').split('\n').slice(0, 6).join('\n');
}

function layOut(dir: string, { from, files = {} }: NonNullable<LaunchOptions['workspace']>): void {
  mkdirSync(dir, { recursive: true });
  if (from !== undefined) cpSync(from, dir, { recursive: true, filter: (path) => !/[\\/](node_modules|runs)$/.test(path) });
  for (const [name, text] of Object.entries(files)) write(join(dir, name), text);
}

function write(path: string, text: string): void {
  mkdirSync(dirname(path), { recursive: true });
  writeFileSync(path, text);
}

/** The log files that tell of us: extension host, our output channels, backbones. */
function allLogs(server: Server): string {
  const files = ['data', 'srv', 'rt'].flatMap((name) => logFiles(join(server.dir, name)));
  const texts = files.map((path) => `── ${relative(server.dir, path)}\n${tail(readFileSync(path, 'utf8'))}`);
  return [tail(server.said.join('\n')), ...texts].join('\n');
}

function tail(text: string): string {
  return text.trim().split('\n').filter((line) => !OTHERS_SAY.test(line)).slice(-80).join('\n');
}

function logFiles(dir: string): string[] {
  if (!existsSync(dir)) return [];
  return readdirSync(dir, { recursive: true, encoding: 'utf8' })
    .filter((name) => /remoteexthost\.log|tuning-fork|output_logging|backbone\.log/.test(name) && name.endsWith('.log'))
    .map((name) => join(dir, name))
    .filter((path) => statSync(path).size > 0);
}

function freePort(): Promise<number> {
  const probe = createServer();
  return new Promise((resolve, reject) => {
    probe.on('error', reject).listen(0, '127.0.0.1', () => {
      const { port } = probe.address() as AddressInfo;
      probe.close(() => resolve(port));
    });
  });
}

async function answers(port: number): Promise<void> {
  for (;;) {
    const answer = await fetch(`http://127.0.0.1:${port}/version`).catch(() => undefined);
    if (answer?.ok) return;
    await new Promise((resolve) => setTimeout(resolve, 50));
  }
}

function ended(child: ChildProcess): Promise<void> {
  return new Promise((resolve) => {
    if (child.exitCode !== null || child.signalCode !== null) resolve();
    else child.once('exit', () => resolve());
  });
}

/** Rejects after a time: for a race. */
export function late(ms: number, sentence: string): Promise<never> {
  return new Promise((_, reject) => setTimeout(() => reject(new Error(sentence)), ms).unref());
}
