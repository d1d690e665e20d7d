import assert from 'node:assert/strict';
import { once } from 'node:events';
import { readdirSync, readFileSync } from 'node:fs';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { join } from 'node:path';
import { after } from 'node:test';
import { journey } from '../journey.ts';
import { repository } from '../launch.ts';
import { until } from '../until.ts';

const KEY = 'sk-journey-0123456789abcdef';
const seen = new Set<string>();
/** A fake of OpenAI's server: it answers whoever asks, and remembers with which key. */
const server = createServer((request, response) => {
  if (request.url?.endsWith('/chat/completions')) seen.add(request.headers.authorization ?? '');
  request.resume();
  response.setHeader('content-type', 'application/json').end(JSON.stringify({ choices: [{ message: { role: 'assistant', content: '\\boxed{42}' }, finish_reason: 'stop' }], usage: { prompt_tokens: 1, completion_tokens: 1 } }));
}).listen(0, '127.0.0.1');
await once(server, 'listening');
after(() => server.close());

const from = join(repository, 'examples/math-agent');
const yaml = readFileSync(join(from, 'math-agent.yaml'), 'utf8').replace('path: embedded ', 'path: openai:gpt-4o ');

journey('a run that lacks a key offers to set it, and gets it without it being written anywhere', {
  workspace: { from, files: { 'math-agent.yaml': yaml } }, env: { OPENAI_BASE_URL: `http://127.0.0.1:${(server.address() as AddressInfo).port}/v1`, OPENAI_API_KEY: '' },
}, async ({ workbench, workspace, dir }) => {
  await workbench.command('Tuning Fork: Run Rollouts');
  const failed = await workbench.notification(/openai needs a key, and OPENAI_API_KEY is not set/, 30_000);
  await failed.getByRole('button', { name: 'Set API Key' }).click();
  await workbench.quickInput().waitFor();
  assert.equal(await workbench.quickInput().getAttribute('type'), 'password');
  await workbench.answer(KEY);
  await until(async () => (await workbench.statusBar()).some((text) => /OPENAI_API_KEY is set/.test(text)), 'It was not said that the key is set.');
  await workbench.command('Tuning Fork: Run Rollouts');
  await until(() => seen.has(`Bearer ${KEY}`), 'The model was not asked with the key.', 30_000);
  await until(async () => (await workbench.statusBar()).some((text) => /8 rollouts/.test(text)), 'The rollouts did not end.', 30_000);
  for (const root of [join(workspace, 'runs'), join(dir, 'data'), join(dir, 'rt')]) {
    for (const entry of readdirSync(root, { recursive: true, withFileTypes: true }).filter((one) => one.isFile())) {
      assert.ok(!readFileSync(join(entry.parentPath, entry.name)).includes(KEY), `${entry.name} holds the key`);
    }
  }
  await workbench.command('Tuning Fork: Remove API Key');
  await workbench.pick('OPENAI_API_KEY');
  await until(async () => (await workbench.statusBar()).some((text) => /OPENAI_API_KEY is forgotten/.test(text)), 'The key was not forgotten.');
});
