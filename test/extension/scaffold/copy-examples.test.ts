import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { appendFileSync, existsSync, mkdtempSync, readdirSync, readFileSync, rmSync, unlinkSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, test } from 'node:test';
import { fileURLToPath } from 'node:url';
import { copyExamples, EXAMPLES } from '../../../extension/scaffold/copy-examples.ts';
import { contractProblems } from '../../../extension/language/contracts.ts';
import { loadConfig } from '../../../runtime/config/load.ts';

const root = fileURLToPath(new URL('../../..', import.meta.url));
const dir = mkdtempSync(join(tmpdir(), 'tf-examples-'));
after(() => rmSync(dir, { recursive: true, force: true }));

test('a copy type-checks by itself, and its configurations find what they name', async () => {
  await copyExamples(dir);
  const told = await new Promise<string>((resolve) => { execFile(process.execPath, [join(root, 'node_modules/typescript/bin/tsc'), '-p', dir, '--pretty', 'false'], (_, stdout) => resolve(stdout)); });
  assert.equal(told, '');
  for (const name of EXAMPLES) {
    const folder = join(dir, 'examples', name);
    const { config, warnings } = await loadConfig(join(folder, `${name}.yaml`), {}, { env: {}, cwd: dir });
    assert.deepEqual(warnings, []);
    const [file] = config.rollout.user_workflow.split('->');
    assert.deepEqual(contractProblems(readFileSync(join(folder, file!), 'utf8'), file!, { t: (text) => text }), []);
  }
  assert.ok(!existsSync(join(dir, 'examples/images')));
  const named = readdirSync(join(root, 'examples'), { withFileTypes: true }).filter((entry) => entry.isDirectory() && existsSync(join(root, 'examples', entry.name, 'workflow.ts'))).map(({ name }) => name);
  assert.deepEqual([...EXAMPLES].sort(), named.sort(), 'every example is offered');
});

test('what was changed in an earlier copy stays; half a copy is completed', async () => {
  const workflow = join(dir, 'examples/duel/workflow.ts');
  appendFileSync(workflow, '// mine\n');
  await copyExamples(dir);
  unlinkSync(join(dir, 'node_modules/tuning-fork'));
  rmSync(join(dir, 'node_modules'), { recursive: true });
  rmSync(join(dir, 'examples/countdown'), { recursive: true });
  await copyExamples(dir);
  assert.match(readFileSync(workflow, 'utf8'), /\/\/ mine\n$/);
  assert.ok(existsSync(join(dir, 'examples/countdown/workflow.ts')));
});
