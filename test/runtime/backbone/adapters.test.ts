import assert from 'node:assert/strict';
import { mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { test } from 'node:test';
import type { TuningForkError } from '../../../runtime/protocol/errors.ts';
import { localizeError } from '../../../runtime/protocol/localize.ts';
import { Project } from './project.ts';

test('the embedded backbone begins no training from an adapter alone: with the key, and what can be done, also in Chinese', { timeout: 30_000 }, async () => {
  const project = await Project.make();
  const adapter = join(project.dir, 'adapter');
  await mkdir(adapter);
  await writeFile(join(adapter, 'adapter_config.json'), JSON.stringify({ base_model_name_or_path: 'Qwen/Qwen2.5-0.5B-Instruct' }));
  const client = await project.client();
  for (const more of [{}, { model: 'adapter' }]) {
    const conf = await project.conf({ more: { backbone: 'embedded', ...(!('model' in more) && { model: { path: './adapter' } }) } });
    const error = await client.request('start', project.request(conf, { kind: 'training', training: {}, ...more })).then(() => assert.fail('it was started'), (thrown: TuningForkError) => thrown);
    assert.deepEqual([error.message, error.where?.key], [`${adapter} holds an adapter, not a model.`, 'model.path']);
    assert.match(error.next!, /train --resume.*export-policy .*adapter"/);
    const { message, next } = localizeError({ code: error.code, message: error.message, next: error.next }, 'zh-cn');
    assert.match(`${message}${next}`, /适配器，不是模型。.*继续它自己的训练.*合成一个模型/);
  }
});
