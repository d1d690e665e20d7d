/** `tuning-fork gpu` as a person uses it. Its Python is a fake here, which only says and does what such a program would: the real one is in test/gpu. */
import assert from 'node:assert/strict';
import { once } from 'node:events';
import { chmodSync, existsSync, mkdirSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { createServer, type AddressInfo } from 'node:net';
import { dirname, join } from 'node:path';
import { after, beforeEach, test } from 'node:test';
import { Person } from './person.ts';

const skip = process.platform === 'win32';
const person = new Person();
after(() => person.leave());

const bin = join(person.home, 'bin');
const home = join(person.home, 'tf');
const log = join(person.home, 'log');
const own = { TUNING_FORK_HOME: home, PATH: `${bin}:/bin:/usr/bin`, TUNING_FORK_NODE: process.execPath, LOG: log, TUNING_FORK_GPU_PYTHON: '' };

beforeEach(() => {
  for (const path of [bin, home, log]) rmSync(path, { recursive: true, force: true });
  mkdirSync(bin, { recursive: true });
  // What the machine of the test has must not be found.
  for (const name of ['python3.13', 'python3.12', 'python3.11', 'python3', 'python', 'uv', 'nvidia-smi']) program(name, 'exit 127');
});

function program(name: string, text: string): void {
  writeFileSync(join(bin, name), `#!/bin/sh\n${text}\n`);
  chmodSync(join(bin, name), 0o755);
}

/** Tells a version, makes environments, installs by writing down what. */
function python(version: string, { venv = 1 } = {}): void {
  program('python3', `
echo "$(basename "$(dirname "$(dirname "$0")")") $*" | head -1 >> "$LOG"
case "$*" in
  *sys.version_info*) echo "${version} ${venv} $0" ;;
  *"import torch, sys"*) test -e "$(dirname "$0")/torch" ;;
  *"import transformers"*) echo '{"python":"3.12.1","torch":"2.13.0","cuda":'"\${CUDA:-null}"',"devices":[],"transformers":"5.23.0","peft":"0.20.0"}' ;;
  "-m venv "*) mkdir -p "$3/bin"; cp "$0" "$3/bin/python" ;;
  "-m uv "*) echo "error: no index"; exit 2 ;;
  *"pip install"*torch==*) echo "Collecting torch"; test -z "$NO_NETWORK" || { echo "WARNING: broken by 'x: Failed to establish a new connection: [Errno -3] Temporary failure in name resolution'"; echo "ERROR: No matching distribution found"; exit 1; }; test -z "$SLOW" || sleep 30; touch "$(dirname "$0")/torch" ;;
  *"pip install"*) echo "Installing collected packages: transformers" ;;
  *" serve "*) echo '{"progress":"Loading weights"}'; echo "a library prints this"; echo '{"address":{"url":"http://127.0.0.1:4242"}}'; exec cat ;;
esac`);
}

test('what is missing is told in one sentence, with the next step', { skip }, async () => {
  const none = await person.type('gpu setup', own);
  assert.deepEqual([none.code, none.out], [2, '']);
  assert.match(none.err, /Error: There is no Python on this machine\.\n {2}→ Install Python 3\.11 or newer/);
  python('3 9 18');
  assert.match((await person.type('gpu setup', own)).err, /The newest Python here is 3\.9\.18 \(.*\); 3\.11 is needed\.\n {2}→ Install Python 3\.11 or newer, or name one with --python/);
  python('3 12 1', { venv: 0 });
  assert.match((await person.type('gpu setup', own)).err, /module venv is missing\.\n {2}→ Install it .*python3-venv/);
  assert.match((await person.type('gpu setup --cuda --cpu', own)).err, /exclude each other/);
  assert.match((await person.type('gpu setpu', own)).err, /There is no "gpu setpu"\.\n {2}→ Did you mean "(npx )?tuning-fork gpu setup"\?/);
  assert.equal(existsSync(join(home, 'gpu')), false, 'nothing is left behind');
});

test('nothing of somebody else is touched, and what keeps it from being made is told by its cause', { skip }, async () => {
  python('3 12 1');
  const theirs = join(person.home, 'thesis');
  mkdirSync(theirs, { recursive: true });
  writeFileSync(join(theirs, 'chapter-1.txt'), 'x');
  for (const more of ['', ' --fresh']) {
    const refused = await person.type(`gpu setup --dir ${theirs}${more}`, own);
    assert.equal(refused.code, 2);
    assert.match(refused.err, /thesis holds chapter-1\.txt and is no environment of Python, so nothing was touched\.\n {2}→ Name a folder with --dir/);
  }
  assert.ok(existsSync(join(theirs, 'chapter-1.txt')));
  assert.match((await person.type(`gpu setup --dir ${join(theirs, 'chapter-1.txt')}`, own)).err, /cannot be the folder of an environment: there is a file\./);
  assert.match((await person.type('gpu setup --python /nowhere/python', own)).err, /There is no Python at \/nowhere\/python\.\n {2}→ Name its program with --python, or leave that out/);

  const offline = await person.type('gpu setup', { ...own, NO_NETWORK: '1' });
  assert.match(offline.err, /! That build of PyTorch could not be installed\. It said: error: no index\.\n {2}→ The build of the package index is taken instead\./);
  assert.match(offline.err, /Error: PyTorch could not be installed\. The package index does not answer: Temporary failure in name resolution\.\n {2}→ Look at the connection/);
});

test('for a GPU that is not there yet it is told before anything is fetched, and set up', { skip }, async () => {
  python('3 12 1');
  const { err } = await person.type('gpu setup --cuda', { ...own, CUDA: '"13.0"' });
  assert.match(err, /^! No NVIDIA driver answers on this machine, and PyTorch for a GPU was asked for\./);
  assert.doesNotMatch(readFileSync(log, 'utf8'), /-m uv/, 'without a driver it would take the build for the CPU');
  assert.match((await person.type('gpu doctor', own)).out, /✓ environment/);
  const without = await person.type(`gpu setup --cuda --dir ${join(person.home, 'cpu-only')}`, own);
  assert.match(without.err, /Error: The package index of this machine has PyTorch for the CPU only/);
});

test('cut off, the next call goes on where it was; then it is there', { skip }, async () => {
  python('3 12 1');
  const first = person.start(['gpu', 'setup'], { ...own, SLOW: '1' });
  await first.says(/Installing PyTorch…[^]*Collecting torch/);
  first.ctrlC();
  const cut = await first.ended;
  assert.equal(cut.code, 130);
  assert.match(cut.err, /Cancelled; the same command goes on where it was\./);
  assert.match((await person.type('gpu doctor', own)).out, /✗ environment .*set up in part only\.\n.*gpu setup/);

  const { code, lines } = await json('gpu setup');
  assert.equal(code, 0);
  assert.deepEqual(lines.filter(({ type, done }) => type === 'step' && done !== undefined).map(({ step }) => step), ['python', 'disk', 'environment', 'torch', 'packages', 'check']);
  assert.equal(readFileSync(log, 'utf8').split('\n').filter((line) => line.includes('-m venv')).length, 1, 'the environment was not made again');
  assert.match((await person.type(`gpu setup --dir ${join(person.home, 'else')}`, own)).out, /--backbone gpu --set gpu\.python=\S+\/else\/bin\/python\n/, 'a training has to be told of another place');
  const again = await person.type('gpu setup', own);
  assert.match(again.out, /✓ The GPU runtime is set up in .*\/tf\/gpu\./);
  assert.doesNotMatch(again.err, /Installing/);
  const doctor = await person.type('gpu doctor', own);
  assert.equal(doctor.code, 0, doctor.out);
  for (const line of [/^✓ Python +3\.12\.1/m, /^! driver +No NVIDIA driver answers/m, /^✓ environment/m, /^✓ PyTorch +2\.13\.0, for the CPU$/m, /^✓ packages +transformers 5\.23\.0, peft 0\.20\.0$/m]) assert.match(doctor.out, line);
});

async function json(line: string): Promise<{ code: number | null; lines: Record<string, unknown>[] }> {
  const { code, out } = await person.start([...line.split(' '), '--json'], own).ended;
  return { code, lines: out.trimEnd().split('\n').map((each) => JSON.parse(each) as Record<string, unknown>) };
}

test('serve keeps its token to its owner, tells where it answers, and ends on Ctrl-C', { skip }, async () => {
  python('3 12 1');
  const given = { ...own, TUNING_FORK_GPU_PYTHON: join(bin, 'python3') };
  const refused = await person.type('gpu serve --model /m --host 0.0.0.0', given);
  assert.equal(refused.code, 2);
  assert.match(refused.err, /Other machines reach 0\.0\.0\.0.*unencrypted\.\n {2}→ .*--tls-cert.*--insecure/);
  assert.match((await person.type('gpu serve', given)).err, /--model <model> is missing/);
  assert.match((await person.type('gpu serve --model /m --tls-cert a', given)).err, /belong together/);

  const serving = person.start(['gpu', 'serve', '--model', '/m', '--lora-rank', '4', '--port', '0'], given);
  await serving.says(/answers at http:\/\/127\.0\.0\.1:4242/);
  const file = join(home, 'gpu-token');
  const token = readFileSync(file, 'utf8').trim();
  assert.equal(statSync(file).mode & 0o777, 0o600);
  assert.ok(token.length > 30);
  serving.ctrlC();
  const { code, out, err } = await serving.ended;
  assert.equal(code, 0);
  assert.ok(!`${out}${err}`.includes(token) && out.includes(file) && err.includes('a library prints this'));
  assert.match(readFileSync(log, 'utf8'), /serve --model \/m --host 127\.0\.0\.1 --port 0 --token-file \S+gpu-token --lora-rank 4 --keep \S+checkpoints --with-parent/);
  assert.ok(dirname(file) === home);
});

test('an address that cannot be used is told before anything is loaded; the way here fits how it is served', { skip }, async (context) => {
  python('3 12 1');
  const given = { ...own, TUNING_FORK_GPU_PYTHON: join(bin, 'python3') };
  const other = createServer().listen(0, '127.0.0.1');
  context.after(() => other.close());
  await once(other, 'listening');
  const { port } = other.address() as AddressInfo;
  const taken = await person.type(`gpu serve --model /m --port ${port}`, given);
  assert.equal(taken.code, 2);
  assert.match(taken.err, new RegExp(`^Error: Port ${port} of 127\\.0\\.0\\.1 is taken\\.\\n {2}→ Choose another --port`));
  assert.match((await person.type('gpu serve --model /m --host 203.0.113.7 --insecure', given)).err, /203\.0\.113\.7 is no address of this machine\./);
  assert.match((await person.type(`gpu serve --model /m --port 0 --token-file ${bin}`, given)).err, /The token cannot be kept in \S+bin: EISDIR/);

  for (const [words, way] of [
    [['--token-file', join(person.home, 'own-token')], /gpu: \{ ssh: <this machine, as ssh knows it>, url: http:\S+, token_file: \S+own-token \}/],
    [['--host', '0.0.0.0', '--insecure'], /gpu: \{ url: "http:\/\/<this machine>:4242", token: "\$\{TUNING_FORK_GPU_TOKEN\}", insecure: true \}/],
    [['--host', '0.0.0.0', '--tls-cert', 'c.pem', '--tls-key', 'k.pem'], /certificate: <a copy of c\.pem> \}\n\nTUNING_FORK_GPU_TOKEN there is the content of the token file here\./],
  ] as const) {
    const serving = person.start(['gpu', 'serve', '--model', '/m', '--port', '0', ...words], given);
    await serving.says(/gpu: \{[^]*\}/);
    serving.ctrlC();
    assert.match((await serving.ended).out, way);
  }
});

test('a training without it says how to get it', { skip }, async () => {
  person.write('a.ts', "import { Workflow, WorkflowOutput } from 'tuning-fork';\nexport class A extends Workflow { name = 'a'; async execute() { return new WorkflowOutput({ reward: 1 }); } }\n");
  person.write('tasks.jsonl', '{"main_query":"1"}\n');
  person.write('a.yaml', 'tuning_fork:\n  rollout: { user_workflow: a.ts->A }\n  task_reader: { jsonl_dataset_file: { training: { file_path: tasks.jsonl } } }\n');
  const { code, err } = await person.type('train --conf a.yaml --backbone gpu', { ...own, PATH: process.env.PATH });
  assert.equal(code, 1);
  assert.match(err, /Error: The GPU runtime is not set up on this machine\.\n {2}→ Run "(npx )?tuning-fork gpu setup", or name a runtime on another machine at gpu\.url or gpu\.ssh\./);
});

test('of an adapter one model is made, also where this machine has no graphs for it', { skip }, async () => {
  program('maker', `
case "$*" in
  *gpu.training.merge*) mkdir "$4"; touch "$4/config.json" "$4/model.safetensors" ;;
  *sampling_graph*) echo "qwen3 is not known here" >&2; exit 1 ;;
esac`);
  mkdirSync(join(person.home, 'adapter'), { recursive: true });
  writeFileSync(join(person.home, 'adapter/adapter_config.json'), '{}');
  const { code, out, err } = await person.type(`export-policy ${join(person.home, 'adapter')} --python ${join(bin, 'maker')}`, own);
  assert.equal(code, 0, err);
  assert.match(err, /qwen3 is not known here/);
  assert.match(out, /adapter-merged is the model with its adapter; the GPU runtime can use and train it\./);
});
