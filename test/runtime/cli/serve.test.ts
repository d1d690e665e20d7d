/** `tuning-fork serve` as a person and a script use it: a process, its output, an OpenAI client, Ctrl-C. */
import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { after, test } from 'node:test';
import OpenAI, { AuthenticationError } from 'openai';
import { Person, repository, type Running } from './person.ts';

const person = new Person();
delete person.env.TUNING_FORK_API_KEY;
after(() => person.leave());

const messages = [{ role: 'user' as const, content: 'Numbers: 3 5 8. Target: 16.' }];

async function serving(words: string[] = [], env: NodeJS.ProcessEnv = {}): Promise<Running & Disposable> {
  const running = person.start(['serve', 'embedded', ...words], env);
  await running.says(/Ctrl-C ends it\.\n|"type":"serving".*\n/);
  return Object.assign(running, { [Symbol.dispose]: () => void running.process.kill('SIGKILL') });
}

test('what it prints is enough to call it, requests are logged, Ctrl-C ends it', async () => {
  using running = await serving();
  const [, baseURL, apiKey] = /base URL +(\S+)\n +API key +(\S+)\n/.exec(running.out) as unknown as [string, string, string];
  assert.match(baseURL, /^http:\/\/127\.0\.0\.1:\d+\/v1$/);
  assert.match(apiKey, /^tf-[\w-]{32}$/);
  assert.match(running.out, /curl .*\/chat\/completions \\\n {4}-H 'Authorization: Bearer tf-/);
  const openai = new OpenAI({ baseURL, apiKey, maxRetries: 0 });
  const { usage } = await openai.chat.completions.create({ model: 'embedded', messages, max_tokens: 8 });
  await running.says(new RegExp(`POST /v1/chat/completions  200  ${usage!.prompt_tokens} \\(0 cached\\) → ${usage!.completion_tokens} tokens  (cut off  )?\\d+ ms\n`));
  await assert.rejects(new OpenAI({ baseURL, apiKey: 'wrong', maxRetries: 0 }).models.list(), AuthenticationError);
  await running.says(/GET \/v1\/models  401  \d+ ms  The API key is missing or wrong\.\n/);
  running.ctrlC();
  const { code, err } = await running.ended;
  assert.deepEqual([code, err], [0, '']);
});

test('the printed TypeScript and curl run as they are', async () => {
  using running = await serving(['--api-key', 'a"b$c`d\'e\\f!']);
  const [, curl, script] = /In a shell:\n(.*)\nIn TypeScript:\n(.*)\nCtrl-C ends it/s.exec(running.out) as unknown as [string, string, string];
  assert.equal((JSON.parse(await output('bash', ['-c', curl.replace('curl', 'curl -s')])) as OpenAI.ChatCompletion).object, 'chat.completion');
  assert.notEqual(await output(process.execPath, ['--input-type=module-typescript', '-e', script]), '');
  running.process.kill('SIGTERM');
  assert.equal((await running.ended).code, 0);
});

async function output(command: string, args: string[]): Promise<string> {
  const child = spawn(command, args, { cwd: repository, stdio: ['ignore', 'pipe', 'inherit'] });
  let text = '';
  child.stdout.on('data', (data) => (text += String(data)));
  const [code] = await once(child, 'close');
  assert.equal(code, 0);
  return text;
}

test('with --json each line is an object; answers under way are given before it ends', async () => {
  using running = await serving(['--json'], { TUNING_FORK_API_KEY: 'from-the-environment' });
  const { baseURL, apiKey, model, contextLength } = JSON.parse(running.out) as Record<string, string>;
  assert.deepEqual([apiKey, model, contextLength], ['from-the-environment', 'embedded', 1024]);
  const openai = new OpenAI({ baseURL, apiKey, maxRetries: 0 });
  // Long ones, begun and not ended when Ctrl-C comes.
  const streams = await Promise.all(Array.from({ length: 8 }, (_, seed) => openai.chat.completions.create({ model: 'm', messages, seed, temperature: 100, max_tokens: 400, stream: true })));
  running.ctrlC();
  const ends = await Promise.all(streams.map(async (stream) => {
    let finish: string | null | undefined;
    for await (const { choices: [choice] } of stream) finish = choice?.finish_reason ?? finish;
    return finish;
  }));
  assert.ok(ends.every((finish) => finish === 'stop' || finish === 'length'), ends.join());
  const { code, out } = await running.ended;
  assert.equal(code, 0);
  const told = out.trimEnd().split('\n').map((line) => JSON.parse(line) as { type: string; status?: number });
  assert.deepEqual([told[0]!.type, told.at(-1)!.type, told.filter(({ type, status }) => type === 'request' && status === 200).length], ['serving', 'stopped', 8]);
});

test('a key from the environment is not shown', async () => {
  using running = await serving([], { TUNING_FORK_API_KEY: 'from-the-environment' });
  running.ctrlC();
  const { out } = await running.ended;
  assert.ok(!out.includes('from-the-environment') && out.includes('$TUNING_FORK_API_KEY'));
});

test('what cannot be served is refused in one sentence', async () => {
  const cases: [words: string[], sentence: RegExp][] = [
    [['serve'], /Something is missing: tuning-fork serve <model>/],
    [['serve', './nowhere'], /There is no model "\.\/nowhere"/],
    [['serve', 'openai:gpt-4o'], /Set OPENAI_API_KEY|openai:gpt-4o has a server of its own/],
    [['serve', 'embedded', '--host', '0.0.0.0'], /Other machines reach 0\.0\.0\.0[\s\S]*--insecure/],
    [['serve', 'embedded', '--port', '70000'], /--port is at most 65535, not 70000/],
    [['serve', 'embedded', '--api-key', 'with space'], /--api-key must be printable ASCII/],
  ];
  await Promise.all(cases.map(async ([words, sentence]) => {
    const { code, out, err } = await person.start(words).ended;
    assert.deepEqual([code, out], [2, ''], words.join(' '));
    assert.match(err, sentence);
  }));
});
