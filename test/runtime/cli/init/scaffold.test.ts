import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { mkdirSync, mkdtempSync, readFileSync, realpathSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, test } from 'node:test';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { scaffold, TEMPLATES } from '../../../../runtime/cli/init/scaffold.ts';
import { loadConfig } from '../../../../runtime/config/load.ts';

const scratch = mkdtempSync(join(tmpdir(), 'tuning-fork-init-'));
after(() => rmSync(scratch, { recursive: true, force: true }));

const tsc = fileURLToPath(new URL('bin/tsc', import.meta.resolve('typescript/package.json')));

async function run(file: string, args: string[], cwd: string): Promise<string> {
  const { stdout } = await promisify(execFile)(process.execPath, [file, ...args], { cwd }).catch((error: { stdout: string; stderr: string }) => {
    throw new Error(`${error.stdout}${error.stderr}`);
  });
  return stdout;
}

for (const template of TEMPLATES) {
  test(`${template}: type-checks as it is, has a valid YAML, and imports`, async () => {
    const dir = join(scratch, template);
    const { files, conf } = await scaffold(dir, template);
    for (const file of ['.gitignore', 'README.md', conf, 'package.json', 'tsconfig.json', 'workflow.ts']) assert.ok(files.includes(join(dir, file)), file);
    assert.equal(files.some((file) => file.includes('node_modules')), false);
    assert.equal(await run(tsc, ['-p', dir], scratch), '');

    const { config, warnings } = await loadConfig(join(dir, conf), {}, { env: {}, cwd: scratch });
    assert.deepEqual(warnings, []);
    const [file = '', className = ''] = config.rollout.user_workflow.split('->');
    const imported = `const { ${className} } = await import(${JSON.stringify(join(dir, file))}); console.log(new ${className}().name)`;
    writeFileSync(join(dir, 'probe.mjs'), imported);
    assert.match(await run('probe.mjs', [], dir), /^\w+\n$/);
    for (const { file_path: path } of [config.task_reader.jsonl_dataset_file.training, config.task_reader.jsonl_dataset_file.validation]) {
      if (config.task_reader.type === 'jsonl_dataset_file') assert.ok(files.includes(join(dir, path!)), `${path} is there`);
    }
  });
}

test('the package is linked and depended on, so that neither npm nor a network is needed', async () => {
  const dir = join(scratch, 'Mein Agent!');
  await scaffold(dir, 'blank');
  const { name, type, dependencies } = JSON.parse(readFileSync(join(dir, 'package.json'), 'utf8')) as { name: string; type: string; dependencies: Record<string, string> };
  assert.equal(name, 'mein-agent');
  assert.equal(type, 'module');
  const root = fileURLToPath(new URL('../../../..', import.meta.url));
  const path = dependencies['tuning-fork']!.replace(/^file:/, '');
  assert.equal(join(realpathSync(join(dir, path)), '/'), root);
  assert.equal(join(realpathSync(join(dir, 'node_modules/tuning-fork')), '/'), root);
});

test('the command of the package runs in the project', { skip: process.platform === 'win32' }, async () => {
  const dir = join(scratch, 'command');
  await scaffold(dir, 'blank');
  const { stdout } = await promisify(execFile)(join(dir, 'node_modules/.bin/tuning-fork'), ['--version'], { cwd: dir });
  assert.match(stdout, /\d+\.\d+\.\d+/);
});

test('refuses what it would destroy or does not know, in one sentence', async () => {
  const full = join(scratch, 'full');
  mkdirSync(full);
  writeFileSync(join(full, 'thesis.md'), 'x');
  await assert.rejects(scaffold(full, 'blank'), { code: 'usage', message: `The folder ${full} is not empty (it holds thesis.md), so nothing was written.` });
  await assert.rejects(scaffold(join(full, 'thesis.md'), 'blank'), { code: 'usage', message: /can't be made/ });
  await assert.rejects(scaffold(join(scratch, 'new'), 'tool-agnet'), { code: 'usage', next: 'Did you mean `tool-agent`?' });
  await assert.rejects(scaffold(join(scratch, 'new'), 'x'), { next: 'There are tool-agent, game, multi-agent, blank.' });
});

test('a fresh repository counts as empty', async () => {
  mkdirSync(join(scratch, 'fresh/.git'), { recursive: true });
  const { files } = await scaffold(join(scratch, 'fresh'), 'game');
  assert.ok(files.includes(join(scratch, 'fresh', 'environment.ts')));
});
