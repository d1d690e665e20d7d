// `npm test`: what tells most comes first. Plain JavaScript for the Node that is there; the tests run on the project's own.
//   npm test                    types, lint, then every test
//   npm test -- tracker gateway only the rooms whose path has one of these words
//   npm test -- vscode          only the journeys in a real VS Code, which come last
import { spawnSync } from 'node:child_process';
import { existsSync, readdirSync } from 'node:fs';
import { delimiter, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { findNode } from '../runtime/cli/find-node.mjs';

const root = fileURLToPath(new URL('../', import.meta.url));
const own = join(root, 'node_modules/node/bin', process.platform === 'win32' ? 'node.exe' : 'node');
const node = existsSync(own) ? own : findNode();
if (node === undefined) {
  console.error('The tests need Node.js 22.18 or newer.\n  → Run "npm ci" first, or install it.');
  process.exit(2);
}

/** Rooms whose tests start processes and wait for them. */
const SLOW = ['test/runtime/worker', 'test/runtime/backbone', 'test/runtime/cli', 'test/journeys', 'test/extension/packaging/npm', 'test/webview'];
const words = process.argv.slice(2);
const all = testFiles(join(root, 'test')).filter((file) => words.length === 0 || words.some((word) => file.includes(word)));
const inVsCode = all.filter((file) => file.startsWith('test/vscode/'));
/** Their VS Code is code-server's, which is not made for Windows. */
const journeys = process.platform === 'win32' ? [] : inVsCode;
if (journeys.length < inVsCode.length) console.error('The journeys in VS Code are skipped: they run on Linux and macOS, and in WSL.');
const slow = all.filter((file) => SLOW.some((room) => file.startsWith(room)));
const frameworks = all.filter((file) => file.startsWith('test/frameworks/'));
/** They need Python, which a step before them sets up. */
const gpu = all.filter((file) => file.startsWith('test/gpu/') || file === 'test/runtime/trainers/gpu/sampling.test.ts');
const fast = all.filter((file) => ![slow, inVsCode, frameworks, gpu].some((others) => others.includes(file)));

const bin = (name) => [join(root, 'node_modules', name === 'tsc' ? 'typescript/bin/tsc' : `${name}/bin/${name}`)];
/** What a failed test leaves open keeps nobody waiting. */
const ENDS = ['--test-force-exit'];
const steps = [
  ...(words.length === 0 ? [['types', [...bin('tsc'), '--noEmit']], ['types of pages', [...bin('tsc'), '--noEmit', '-p', 'webview']], ['lint', [...bin('oxlint')]]] : []),
  ...(fast.length > 0 ? [['tests', ['--test', ...ENDS, '--test-concurrency=2', '--test-timeout=120000', ...fast]]] : []),
  ...(slow.length > 0 ? [['tests of processes', ['--test', ...ENDS, '--test-concurrency=2', '--test-timeout=180000', ...slow]]] : []),
  ...(frameworks.length > 0 ? [
    ['agent frameworks', ['test/frameworks/setup.mjs']],
    ['types of frameworks', [...bin('tsc'), '-p', 'examples/frameworks']],
    ['tests of frameworks', ['--test', ...ENDS, '--test-concurrency=2', '--test-timeout=180000', ...frameworks]],
  ] : []),
  ...(gpu.length > 0 ? [
    ['Python', ['test/python.mjs', '--if-there']],
    ['trainings on the GPU runtime', ['--test', '--test-concurrency=1', ...gpu]],
  ] : []),
  ...(journeys.length > 0 ? [
    ['bundle', ['esbuild.mjs']],
    ['VS Code', ['test/vscode/host/setup.mjs']],
    ['journeys in VS Code', ['--test', '--test-concurrency=1', ...journeys]],
  ] : []),
];

let failed = false;
let lacking = false;
for (const [name, args] of steps) {
  if (name.endsWith(' of frameworks') && lacking) continue;
  const started = Date.now();
  const { status } = spawnSync(node, args, { cwd: root, stdio: 'inherit', env: { ...process.env, TUNING_FORK_BUNDLE: 'as-is', PATH: `${join(root, 'node_modules/.bin')}${delimiter}${process.env.PATH}` } });
  console.log(`${status === 0 ? '✔' : '✖'} ${name} (${((Date.now() - started) / 1000).toFixed(1)} s)\n`);
  failed ||= status !== 0;
  lacking ||= name === 'agent frameworks' && status !== 0;
  // Without these no journey can begin; they have said what is wrong.
  if ((name === 'bundle' || name === 'VS Code') && status !== 0) break;
}
process.exit(failed ? 1 : 0);

function testFiles(dir) {
  return readdirSync(dir, { withFileTypes: true }).flatMap((entry) => {
    if (entry.name === 'node_modules' || entry.name === 'fixtures') return [];
    const path = join(dir, entry.name);
    if (entry.isDirectory()) return testFiles(path);
    return entry.name.endsWith('.test.ts') ? [path.slice(root.length).replaceAll('\\', '/')] : [];
  });
}
