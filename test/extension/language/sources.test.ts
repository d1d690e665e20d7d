import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Sources } from '../../../extension/language/sources.ts';

const broken = "import { Workflow } from 'tuning-fork';\nclass A extends Workflow { name = 'a'; async execute(task, tuner) { return tuner.call([]); } }\n";

test('questions are answered by the thread, problems in the language of the editor', async () => {
  const sources = new Sources({ 'Export {0}': '导出 {0}' });
  const [classes, problems, nothing] = await Promise.all([sources.ask('classes', broken, 'a.ts'), sources.ask('contracts', broken, 'a.ts'), sources.ask('classes', 'class {{', 'a.ts')]);
  assert.equal(classes?.workflows[0]?.className, 'A');
  assert.deepEqual(problems?.map(({ message, fixes }) => [message, fixes[0]?.title]), [['A is not exported, so no configuration can name it as its workflow.', '导出 A']]);
  assert.equal(nothing, undefined);
});

test('a question that fails says so and spoils no other; a thread that ended is begun again', async () => {
  const sources = new Sources();
  await assert.rejects(sources.ask('nothing' as 'classes', broken, 'a.ts'), TypeError);
  assert.equal((await sources.ask('classes', broken, 'a.ts'))?.workflows.length, 1);
  const asked = sources.ask('classes', broken.repeat(50), 'a.ts');
  sources.dispose();
  await assert.rejects(asked, /has ended/);
  assert.equal((await sources.ask('classes', broken, 'a.ts'))?.workflows.length, 1);
});
