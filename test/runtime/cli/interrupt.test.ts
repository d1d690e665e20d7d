import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { existsSync, readdirSync, readFileSync, symlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { after, test } from 'node:test';
import { Person, Running, bin, slowWorkflow } from './person.ts';

const person = new Person();
after(() => person.leave());
await person.type('init agent --template blank');
person.cwd = join(person.home, 'agent');
person.write('workflow.ts', slowWorkflow(400));
const forever = ['rollout', '-c', 'tuning-fork.yaml', '--tasks', '0', '-n', '4', '-k', '4'];

async function newest(): Promise<{ run: string; state: string; counts: { finished: number; cancelled: number } }> {
  const { lines } = await person.json('runs list');
  return lines[0] as unknown as { run: string; state: string; counts: { finished: number; cancelled: number } };
}

/** Posix only: there is no Ctrl-C to send to another process on Windows. */
const posix = { skip: process.platform === 'win32' };

test('Ctrl-C cancels: what has finished is kept and readable, exit code 130', posix, async () => {
  const run = person.start(forever);
  await run.says(/slow · embedded/);
  await new Promise((resolve) => setTimeout(resolve, 1_300));
  run.ctrlC();
  const { code, out, err } = await run.ended;
  assert.equal(code, 130);
  assert.match(err, /Cancelling; finished rollouts are kept\. Ctrl-C again leaves at once\.\n/);
  assert.match(out, /slow · embedded · \d+ rollouts? of .* · cancelled\n/);
  assert.match(out, /cancelled +[1-4]\n/);
  const { state, counts } = await newest();
  assert.equal(state, 'cancelled');
  assert.ok(counts.finished > 0);
  const shown = await person.type('runs show latest');
  assert.equal(shown.code, 0);
  assert.match(shown.out, new RegExp(`slow · embedded · ${counts.finished} rollouts of .* · cancelled`));
  assert.equal((await person.type('runs show latest --rollout s0t0n0')).code, 0);
});

test('the summary in JSON of a cancelled run says so', posix, async () => {
  const run = person.start([...forever, '--json']);
  await run.says(/"rollout-finished"/);
  run.ctrlC();
  const { code, out, err } = await run.ended;
  assert.equal(code, 130);
  assert.equal(err, '');
  const last = JSON.parse(out.trimEnd().split('\n').at(-1)!) as { type: string; state: string };
  assert.deepEqual([last.type, last.state], ['summary', 'cancelled']);
});

test('Ctrl-C once more leaves at once', posix, async () => {
  person.write('stuck.ts', slowWorkflow(400).replace('await new', "process.on('SIGTERM', () => {}); await new"));
  const run = person.start(forever);
  await run.says(/slow · embedded/);
  run.ctrlC();
  await new Promise((resolve) => setTimeout(resolve, 200));
  run.ctrlC();
  assert.equal((await run.ended).code, 130);
});

test('Ctrl-C before the run is there leaves nothing running', posix, async () => {
  await person.type('stop --force');
  const run = person.start(forever);
  await run.says(/Starting the backbone/);
  run.ctrlC();
  assert.equal((await run.ended).code, 130);
  const { lines } = await person.json('status');
  assert.ok(((lines[0]!.runs ?? []) as { info: { state: string } }[]).every(({ info }) => info.state !== 'running'));
});

test('one Ctrl-C through an older Node that passes it on counts once', posix, async () => {
  const node = join(person.home, 'another-node');
  symlinkSync(process.execPath, node);
  const run = person.start(forever, { TUNING_FORK_NODE: node });
  await run.says(/slow · embedded/);
  run.ctrlC();
  const { code, err } = await run.ended;
  assert.equal(code, 130);
  assert.match(err, /Cancelling/);
  assert.equal((await newest()).state, 'cancelled');
});

test('a reader that goes away early ends the run it was reading', async () => {
  const run = person.start([...forever, '--json']);
  await run.says(/"started"/);
  run.process.stdout!.destroy();
  const { code } = await run.ended;
  assert.equal(code, 130);
  assert.equal((await newest()).state, 'cancelled');
});

test('a reader that goes away early is no error for a list', async () => {
  const run = person.start(['runs', 'list']);
  run.process.stdout!.destroy();
  const { code, err } = await run.ended;
  assert.deepEqual([code, err], [0, '']);
});

test('a reader that has had enough of an export is no error', async () => {
  const run = person.start(['runs', 'export', 'latest']);
  run.process.stdout!.destroy();
  const { code, err } = await run.ended;
  assert.deepEqual([code, err], [0, '']);
});

test('a second one attaches, looks, and leaves it running; the first one sees it end', posix, async () => {
  const run = person.start(['rollout', '-c', 'tuning-fork.yaml', '--tasks', '8', '-n', '1', '-k', '1']);
  await run.says(/slow · embedded/);
  const second = person.start(['runs', 'attach']);
  await second.says(/slow · embedded/);
  second.ctrlC();
  const left = await second.ended;
  assert.equal(left.code, 130);
  assert.match(left.err, /The run goes on; "npx tuning-fork runs attach \S+" looks again\.\n$/);
  const status = await person.type('status');
  assert.match(status.out, /slow +rollout +running +\d\/8\n/);
  const busy = await person.type('stop');
  assert.equal(busy.code, 1);
  assert.match(busy.err, /still running/);
  const third = person.start(['runs', 'attach', '--json']);
  assert.equal((await run.ended).code, 0);
  const seen = await third.ended;
  assert.equal(seen.code, 0);
  assert.match(seen.out, /"type":"summary"[^\n]*"state":"finished"[^\n]*\n$/);
});

test('--inspect says where it waits, and Ctrl-C ends the waiting', posix, async () => {
  const run = person.start(['rollout', '-c', 'tuning-fork.yaml', '--tasks', '1', '--inspect']);
  await run.says(/Waiting for a debugger at ws:\/\/127\.0\.0\.1:\d+\//);
  run.ctrlC();
  assert.equal((await run.ended).code, 130);
});

test('a backbone of an older version, or one that hangs, can still be seen and stopped', posix, async () => {
  const run = person.start(forever);
  await run.says(/slow · embedded/);
  const [folder = ''] = readdirSync(person.env.TUNING_FORK_RUNTIME_DIR!);
  const file = join(person.env.TUNING_FORK_RUNTIME_DIR!, folder, 'backbone.json');
  const address = readFileSync(file, 'utf8');
  writeFileSync(file, address.replace(/"version":"[^"]*"/, '"version":"0.0.0"'));
  assert.match((await person.type('status')).out, / running /);
  const refused = await person.type('runs attach');
  assert.equal(refused.code, 1);
  assert.match(refused.err, /version 0\.0\.0 is still running .*\n {2}→ .*stop/);
  writeFileSync(file, address);

  const { pid } = (await person.json('status')).lines[0] as unknown as { pid: number };
  process.kill(pid, 'SIGSTOP');
  const asked = await person.type('stop');
  assert.equal(asked.code, 1);
  assert.match(asked.err, new RegExp(`^Error: The backbone \\(pid ${pid}\\) does not answer\\.\n {2}→ "npx tuning-fork stop --force" ends it\\.\n$`));
  assert.deepEqual(await person.type('stop --force'), { code: 0, out: 'Stopped.\n', err: '' });
  assert.deepEqual((await person.json('status')).lines, [{ type: 'status', running: false }]);
  const { code, err } = await run.ended;
  assert.equal(code, 1);
  assert.match(err, /Error: The backbone went away\.\n {2}→ "npx tuning-fork runs show .*" shows what was kept\./);
});

/** `script` gives the command a terminal of its own. */
const terminal = { skip: process.platform !== 'linux' || !existsSync('/usr/bin/script') };

test('on a terminal: drawn live, and the cursor comes back whatever happens', terminal, async () => {
  const onTerminal = (command: string): Running => new Running(spawn('/usr/bin/script', ['-qefc', `stty cols 80; echo pid=$$; exec ${command}`, '/dev/null'], { cwd: person.cwd, env: { ...person.env, TERM: 'xterm-256color' }, stdio: ['pipe', 'pipe', 'pipe'] }));
  const cursorIsBack = (text: string): boolean => text.lastIndexOf('\u001b[?25h') > text.lastIndexOf('\u001b[?25l');
  const command = `'${process.execPath}' '${bin}' ${forever.join(' ')}`;

  const cancelled = onTerminal(command);
  await cancelled.says(/\d\/256/);
  cancelled.process.stdin!.write('\u0003');
  const { code, out } = await cancelled.ended;
  assert.equal(code, 130);
  assert.match(out, /⠋|⠙|⠹|⠸|⠼|⠴|⠦|⠧|⠇|⠏/);
  assert.match(out, /━|─/);
  assert.ok(out.includes('\u001b[?25l') && cursorIsBack(out));

  const killed = onTerminal(command);
  await killed.says(/\d\/256/);
  process.kill(Number(/pid=(\d+)/.exec(killed.out)![1]), 'SIGTERM');
  const end = await killed.ended;
  assert.equal(end.code, 130);
  assert.ok(end.out.includes('\u001b[?25l') && cursorIsBack(end.out), JSON.stringify(end.out.slice(-200)));
  assert.equal((await newest()).state, 'cancelled');

  const crash = join(person.home, 'crash.mjs');
  writeFileSync(crash, "if (process.argv[1]?.endsWith('bin.mjs')) setTimeout(() => { throw new Error('boom'); }, 2_500);");
  const crashed = await onTerminal(`env NODE_OPTIONS=--import=${crash} ${command}`).ended;
  assert.equal(crashed.code, 3);
  assert.ok(crashed.out.includes('\u001b[?25l') && cursorIsBack(crashed.out));
  assert.match(crashed.out.slice(crashed.out.lastIndexOf('\u001b[?25h')), /Error: boom\r\n/, 'what is told is not wiped away');
  await person.type('stop --force');

  const plain = onTerminal(`env NO_COLOR=1 ${command.replace('--tasks 0', '--tasks 1')}`);
  const { out: text } = await plain.ended;
  // eslint-disable-next-line no-control-regex
  assert.doesNotMatch(text, /\u001b\[[\d;]*m/, 'no colour where none is wanted');
  assert.ok(cursorIsBack(text));
});
