import assert from 'node:assert/strict';
import { test } from 'node:test';
import { graderOf } from '../../../../runtime/sdk/osmosis/entrypoint.ts';
import { copyOf } from '../../../../runtime/sdk/osmosis/config.ts';
import { AgentWorkflow, AgentWorkflowConfig, ConcurrencyConfig, entrypointOf, Grader, GraderConfig } from '../../../../runtime/sdk/osmosis/index.ts';

class Config extends AgentWorkflowConfig {
  name = 'search';
  maxIterations = 8;
}
class Flow extends AgentWorkflow<Config> {
  async run(): Promise<void> {}
}
class Other extends Flow {}
abstract class Base extends AgentWorkflow {}
class Good extends Grader {
  async grade(): Promise<void> {}
}

const errors = (module: Record<string, unknown>): string => {
  try {
    entrypointOf(module, 'main.ts');
  } catch (error) {
    return (error as Error).message;
  }
  return '';
};

test('one concrete workflow, one grader and their configurations are found; an alias counts once, a base class not at all', () => {
  const config = new Config();
  const { Workflow, workflowConfig, Grader: Found, graderConfig } = entrypointOf({ Flow, alias: Flow, Base, Good, config, helper: () => 1 }, 'main.ts');
  assert.deepEqual([Workflow, workflowConfig, Found, graderConfig], [Flow, config, Good, null]);
});

test('none and several are refused in the words of the SDK', () => {
  assert.equal(errors({ Good }), "INVALID_WORKFLOW_CLASS: No AgentWorkflow subclass found in 'main.ts'.");
  assert.equal(errors({ Flow, Other }), "MULTIPLE_WORKFLOW_CLASSES: Multiple AgentWorkflow subclasses found in 'main.ts': Flow, Other. Keep only one, or move extra classes to a separate file.");
});

test('all mistakes are told at once', () => {
  class NotAsync extends AgentWorkflow {
    run(): Promise<void> { return Promise.resolve(); }
  }
  class Broken extends Grader {
    constructor() { super(); throw new Error('no judge today'); }
    async grade(): Promise<void> {}
  }
  class Nameless extends GraderConfig {
    name = '';
  }
  assert.deepEqual(errors({ NotAsync, Broken, config: new Nameless(), a: new Config(), b: new Config() }).split('\n'), [
    'This entrypoint has 4 mistakes:',
    "  MULTIPLE_CONFIGS: Multiple AgentWorkflowConfig instances found in 'main.ts'. Keep only one.",
    '  WORKFLOW_RUN_NOT_ASYNC: NotAsync.run() must be async.',
    '  INVALID_AGENT_NAME: The name of the GraderConfig must have 1 to 256 characters.',
    '  GRADER_INIT_FAILED: The constructor of Broken threw: no judge today',
  ]);
  assert.throws(() => new ConcurrencyConfig({ maxConcurrent: 0 }), /whole number from 1 on/);
});

test('a grader may stand in a file of its own', () => {
  class Other extends Grader { async grade(): Promise<void> {} }
  assert.deepEqual(graderOf({ Good, Other }, 'graders.ts', 'Good'), { Grader: Good, graderConfig: null });
});

test('a configuration is copied whole: of another copy of the package, and one that contains itself', () => {
  class BaseConfig { name = 'theirs'; seen: string[] = []; self: unknown = this; }
  const theirs = new BaseConfig();
  const copy = copyOf(theirs);
  copy.seen.push('x');
  assert.deepEqual([theirs.seen, copy.self === copy, copy instanceof BaseConfig], [[], true, true]);
});
