import assert from 'node:assert/strict';
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { test } from 'node:test';
import { checkTrainedRoles } from '../../../runtime/backbone/trained-roles.ts';
import { folder } from '../trace/samples.ts';

const TEAM = `import { Workflow, WorkflowOutput, type ModelTuner, type WorkflowTask } from 'tuning-fork';
export class Team extends Workflow {
  async execute(task: WorkflowTask, tuner: ModelTuner) {
    await tuner.getModel('solver').call([]);
    await tuner.getModel('critic').call([]);
    return new WorkflowOutput({ reward: 1 });
  }
}
export class Alone extends Workflow {
  async execute(task: WorkflowTask, tuner: ModelTuner) {
    await tuner.call([]);
    return new WorkflowOutput({ reward: 1 });
  }
}
export class Elsewhere extends Workflow {
  async execute(task: WorkflowTask, tuner: ModelTuner) {
    return play(task, { tuner });
  }
}
`;

test('a role nobody asks for is refused before anything runs, where the source tells the roles', async (context) => {
  const file = join(await folder(context), 'team.ts');
  await writeFile(file, TEAM);
  const check = (className: string, trainableTargets: string[] | undefined, key?: string): Promise<void> =>
    checkTrainedRoles({ workflow: { file, className }, trainableTargets }, key === undefined ? undefined : { file: 'team.yaml', key });

  await assert.rejects(check('Team', ['solver', 'critics']), { code: 'usage', message: 'Team asks no model in the role "critics", so nothing of it could be trained.', next: 'Did you mean `critic`?' });
  await assert.rejects(check('Team', ['nobody'], 'trainable_targets'), { code: 'config', next: 'Its roles: solver, critic.' });
  await assert.rejects(check('Alone', ['nobody']), { next: 'Its roles: default.' });
  await check('Team', ['critic']);
  await check('Team', undefined);
  await check('Elsewhere', ['nobody']);
});
