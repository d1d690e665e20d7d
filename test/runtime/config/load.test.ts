import assert from 'node:assert/strict';
import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import { ConfigError } from '../../../runtime/config/errors.ts';
import { loadConfig, type LoadedConfig, type Overrides } from '../../../runtime/config/load.ts';
import type { ErrorInfo } from '../../../runtime/protocol/errors.ts';

let dir = '';
before(async () => { dir = await mkdtemp(join(tmpdir(), 'tf-config-')); });
after(() => rm(dir, { recursive: true, force: true }));

const SMALL = 'tuning_fork:\n  rollout:\n    user_workflow: agent.ts->Agent\n';

async function load(yaml: string, env: Record<string, string> = {}, overrides: Overrides = {}, name = 'case.yaml'): Promise<LoadedConfig> {
  const file = join(dir, name);
  await writeFile(file, yaml);
  return loadConfig(file, overrides, { env, cwd: dir });
}

async function errorsOf(yaml: string, env: Record<string, string> = {}, overrides: Overrides = {}): Promise<readonly ErrorInfo[]> {
  try {
    await load(yaml, env, overrides);
  } catch (error) {
    assert.ok(error instanceof ConfigError, String(error));
    assert.ok(error.errors.length > 0);
    return error.errors;
  }
  return assert.fail('this configuration should be refused');
}

async function onlyError(yaml: string, env: Record<string, string> = {}, overrides: Overrides = {}): Promise<ErrorInfo> {
  const errors = await errorsOf(yaml, env, overrides);
  assert.equal(errors.length, 1, errors.map((error) => error.message).join('\n'));
  return errors[0]!;
}

test('the smallest configuration has all defaults', async () => {
  const { config, warnings, secrets, file } = await load(SMALL);
  assert.equal(config.backbone, 'debug');
  assert.equal(config.model.path, 'embedded');
  assert.equal(config.rollout.num_repeat, 4);
  assert.equal(config.rollout.timeout, 600);
  assert.equal(config.rollout.workers, 1);
  assert.equal(config.rollout.val_kwargs.temperature, 0);
  assert.equal(config.trainable_targets, undefined);
  assert.equal(config.task_judge.judge_protocol, null);
  assert.equal(config.trainer_common.optim.lr, undefined);
  assert.equal(config.experiment_name, 'case');
  assert.match(config.project_name, /^tf-config-/);
  assert.equal(file, join(dir, 'case.yaml'));
  assert.deepEqual([warnings, secrets], [[], []]);
});

for (const root of ['tuning_fork', 'ajet', 'astuner']) {
  test(`root ${root}`, async () => {
    const { config } = await load(SMALL.replace('tuning_fork', root));
    assert.equal(config.rollout.user_workflow, 'agent.ts->Agent');
  });
}

test('trees of other programs are kept word for word', async () => {
  const { kept } = await load(`${SMALL}trinity: {a: "\${b.c}"}\nverl:\n  trainer: {x: 1}\nhydra: {searchpath: [file://x]}\ndefaults: [verl_default, _self_]\n`);
  assert.deepEqual(kept, { trinity: { a: '${b.c}' }, verl: { trainer: { x: 1 } }, hydra: { searchpath: ['file://x'] }, defaults: ['verl_default', '_self_'] });
});

test('an unknown key is told with its place and the key that was meant', async () => {
  const error = await onlyError(`${SMALL}    num_repat: 4\n`);
  assert.equal(error.message, 'There is no key `num_repat` in `rollout`.');
  assert.equal(error.next, 'Did you mean `num_repeat`?');
  assert.deepEqual(error.where, { file: join(dir, 'case.yaml'), line: 4, column: 5, key: 'rollout.num_repat' });
});

test('a known key in the wrong mapping is sent home', async () => {
  assert.equal((await onlyError(`${SMALL}  temperature: 1\n`)).next, 'It belongs at `rollout.temperature`.');
});

test('everything wrong is told at once, in the order of the file', async () => {
  const errors = await errorsOf('tuning_fork:\n  backbone: debgu\n  rollout:\n    user_workflow: a.ts->A\n    temperature: -1\n    seed: ${NOT_SET}\n    seed: 3\n  trainable_targets: []\nverll: {}\n');
  assert.deepEqual(errors.map((error) => error.where?.line), [2, 5, 7, 8, 9]);
  assert.match(errors[0]!.next!, /debug/);
  assert.match(errors[2]!.message, /`seed` is written twice/);
  assert.match(errors[3]!.message, /\[\], which would train nothing; leave the key out to train every role/);
  assert.match(errors[4]!.next!, /`verl`/);
});

test('the message of several mistakes lists them with their places', async () => {
  await assert.rejects(load('tuning_fork:\n  backbone: x\n  rollout: {user_workflow: a.ts->A, top_p: 2}\n'), (error: ConfigError) => {
    assert.equal(error.code, 'config');
    assert.match(error.message, /has 2 mistakes:\n {2}.*case\.yaml:2:13: `backbone` must be one of .*\n {2}.*case\.yaml:3:44: `rollout\.top_p` must be at most 1, but is 2/);
    return true;
  });
});

test('a wrong type says what is wanted, what is there and how to write it', async () => {
  const cases: [string, RegExp, RegExp | undefined][] = [
    ['temperature: "0.5"', /must be a number, but is the text "0.5"/, /quotes away/],
    ['num_repeat: 2.5', /must be a whole number, but is 2.5/, undefined],
    ['num_repeat: 0', /must be at least 1, but is 0/, undefined],
    ['force_disable_toolcalls: yes', /must be true or false, but is the text "yes"/, /Write true/],
    ['temperature: .inf', /must be a number, but is Infinity/, undefined],
    ['temperature: .nan', /must be a number, but is NaN/, undefined],
    ['timeout: 0', /must be more than 0/, undefined],
    ['seed:', /must be a whole number, but is empty/, /leave the key out/],
    ['multi_turn: 5', /must be a mapping of keys, but is 5/, /max_steps/],
    ['gamma: 0.9', /must be 1/, undefined],
  ];
  for (const [line, message, next] of cases) {
    const error = await onlyError(`${SMALL}    ${line}\n`);
    assert.match(error.message, message);
    assert.equal(error.where?.line, 4);
    if (next) assert.match(error.next ?? '', next);
  }
  assert.match((await onlyError(`${SMALL}  trainable_targets: solver\n`)).next!, /\[solver\]/);
});

test('a missing workflow is told with what to write', async () => {
  for (const yaml of ['tuning_fork: {}\n', 'tuning_fork:\n', 'tuning_fork:\n  rollout:\n']) {
    const error = await onlyError(yaml);
    assert.equal(error.message, '`rollout.user_workflow` is missing.');
    assert.match(error.next!, /path\/file\.ts->Class/);
  }
});

test('a workflow in Python is told so', async () => {
  const error = await onlyError('ajet:\n  rollout:\n    user_workflow: tutorial.example_appworld.appworld->ExampleAgentScopeWorkflow\n');
  assert.match(error.message, /names a Python class/);
  assert.equal(error.where?.line, 3);
});

test('a mapping with nothing in it is as good as none', async () => {
  assert.equal((await load(`${SMALL}    val_kwargs:\n    multi_turn:\n  trainer_common:\n`)).config.rollout.multi_turn.max_steps, 30);
});

test('variables are filled in, with defaults, and take the type that is wanted', async () => {
  const { config } = await load(
    `${SMALL}    num_repeat: \${REPEATS:-6}\n    seed: \${SEED}\n    force_disable_toolcalls: \${NOTOOLS}\n  model: {path: "ollama:\${MODEL:-qwen3}"}\n  project_name: \${PROJECT}\n`,
    { SEED: '7', NOTOOLS: 'true', PROJECT: '2024' },
  );
  assert.equal(config.rollout.num_repeat, 6);
  assert.equal(config.rollout.seed, 7);
  assert.equal(config.rollout.force_disable_toolcalls, true);
  assert.equal(config.model.path, 'ollama:qwen3');
  assert.equal(config.project_name, '2024', 'where text is wanted, digits stay text');
});

test('a default stands in for an empty variable too, and $${ is a literal ${', async () => {
  const { config } = await load(`${SMALL}  model: {path: "a$\${B}\${C:-x}"}\n`, { C: '' });
  assert.equal(config.model.path, 'a${B}x');
});

test('a missing variable is told with its name and place, once', async () => {
  const error = await onlyError(`${SMALL}  model:\n    base_url: \${MY_SERVER}\n`);
  assert.equal(error.message, 'The environment has no variable MY_SERVER.');
  assert.deepEqual([error.where?.line, error.where?.column], [5, 15]);
});

test('what looks like a variable and is none is refused', async () => {
  assert.match((await onlyError(`${SMALL}  model: {path: "\${a.b}"}\n`)).message, /`\$\{a\.b\}` can’t be read/);
  assert.match((await onlyError(`${SMALL}  model: {path: "\${A"}\n`)).message, /can’t be read/);
});

test('a variable is not filled in twice, and not in keys', async () => {
  const { config } = await load(`${SMALL}  model: {path: "\${A}"}\n`, { A: '${B}', B: 'no' });
  assert.equal(config.model.path, '${B}');
  assert.match((await onlyError(`${SMALL}  "\${A}": 1\n`, { A: 'model' })).message, /no key `\$\{A\}`/);
});

test('a value with YAML in it stays one value', async () => {
  const { config } = await load(`${SMALL}  model: {path: "\${A}"}\n`, { A: 'x, api_key: y}\nz: [' });
  assert.equal(config.model.path, 'x, api_key: y}\nz: [');
});

test('secrets are told and shown only as the variable they came from', async () => {
  const { shown, secrets, config, warnings } = await load(
    `${SMALL}  model: {path: "openai:\${MODEL}", api_key: "\${MY_KEY}", base_url: "http://\${HOST}:8000/v1"}\n`,
    { MODEL: 'qwen3-235b-a22b-instruct-2507', MY_KEY: 'hunter2-hunter2', HOST: '127.0.0.1' },
  );
  assert.equal(config.model.api_key, 'hunter2-hunter2');
  assert.deepEqual(secrets, ['hunter2-hunter2']);
  assert.deepEqual((shown.model as object), { path: 'openai:qwen3-235b-a22b-instruct-2507', base_url: 'http://127.0.0.1:8000/v1', api_key: '${MY_KEY}' });
  assert.deepEqual(warnings, []);
});

test('a mistake quotes no secret, whatever key it stands at; anything else it does', async () => {
  const env = { MY_KEY: `hunter2-${'x'.repeat(80)}`, COUNT: 'many' };
  const told = await errorsOf(`${SMALL}    seed: \${MY_KEY}\n    num_repeat: \${COUNT}\n  backbone: "\${MY_KEY}"\n  trainable_targets: "\${MY_KEY}"\n  gpu: {url: "ftp://me:\${MY_KEY}@box"}\n`, env);
  assert.equal(told.length, 5);
  assert.doesNotMatch(JSON.stringify(told), /hunter2/);
  assert.match(told[0]!.message, /"\$\{MY_KEY\}"/);
  assert.match(told[1]!.message, /"many"/);
  assert.match(told[3]!.next!, /Write \[\$\{MY_KEY\}\]/);
});

test('a key written out in the file is hidden and warned about', async () => {
  const { shown, secrets, warnings } = await load(`${SMALL}  model: {api_key: sk-123456789}\n`);
  assert.equal((shown.model as { api_key: string }).api_key, '***');
  assert.deepEqual(secrets, ['sk-123456789']);
  assert.match(warnings[0]!.message, /written out in the file/);
});

test('AgentJet keys without effect are listed in one warning', async () => {
  const { warnings, config } = await load(`${SMALL}    n_vllm_engine: 2\n    gamma: 1.0\n  trainer_common: {logger: [console, swanlab], nnodes: 1}\n  context_tracker: {timeline_merging_policy: {ignore_tools: True}}\n`);
  assert.equal(warnings.length, 1);
  assert.equal(warnings[0]!.message, 'rollout.n_vllm_engine, rollout.gamma, trainer_common.logger, trainer_common.nnodes, context_tracker have no effect here yet.');
  assert.equal(warnings[0]!.where?.line, 4);
  assert.equal(config.rollout.n_vllm_engine, 2);
});

test('a key of ASTuner is taken under its new name, with a warning', async () => {
  const yaml = 'astuner:\n  rollout:\n    agentscope_workflow: agent.ts->Agent\n';
  const { config, warnings, place } = await load(yaml);
  assert.equal(config.rollout.user_workflow, 'agent.ts->Agent');
  assert.match(warnings[0]!.message, /`rollout.agentscope_workflow` is now called `rollout.user_workflow`/);
  assert.equal(place('rollout.user_workflow').line, 3);
  assert.match((await onlyError(`${yaml}    user_workflow: b.ts->B\n`)).message, /both are written/);
});

test('what the command line says wins, and its mistakes are told as its own', async () => {
  const yaml = `${SMALL}    temperature: -5\n`;
  const { config } = await load(yaml, {}, { 'rollout.temperature': 0.5, 'rollout.val_kwargs.temperature': 0.2, trainable_targets: ['solver'], 'model.path': undefined });
  assert.equal(config.rollout.temperature, 0.5);
  assert.equal(config.rollout.val_kwargs.temperature, 0.2);
  assert.deepEqual(config.trainable_targets, ['solver']);
  assert.equal(config.model.path, 'embedded');
  const error = await onlyError(yaml, {}, { 'rollout.temperature': -2 });
  assert.deepEqual(error.where, { file: 'the command line', key: 'rollout.temperature' });
});

test('no YAML, told with its place', async () => {
  const cases: [string, RegExp, number][] = [
    ['a: [1\nb: 2', /isn’t YAML: a list isn’t closed with a \]/, 2],
    ['tuning_fork:\n  a: 1\n c: 2', /isn’t YAML: the lines of one mapping are not indented alike/, 3],
    ['tuning_fork:\n  a: b: c', /isn’t YAML: a second key begins in this line/, 2],
    ['tuning_fork:\n\tx: 1', /isn’t YAML: a tab indents this line/, 2],
    ['tuning_fork:\n  a: "x', /isn’t YAML: a quote isn’t closed/, 2],
    ['tuning_fork:\n  rollout: {seed: ${SEED}}', /isn’t YAML/, 2],
    ['a: 1\n---\nb: 2', /second document/, 2],
    ['tuning_fork: *nope', /no anchor &nope/, 1],
    ['tuning_fork: &a\n  model: *a', /contains itself/, 2],
    ['', /is empty/, 1],
    ['- 1', /not a mapping/, 1],
    ['just words', /not a mapping/, 1],
    ['tuning_fork: [1]', /must be a mapping/, 1],
    ['{[a]: 1}', /key must be plain text/, 1],
  ];
  for (const [yaml, message, line] of cases) {
    const error = (await errorsOf(yaml)).find((one) => message.test(one.message));
    assert.ok(error, yaml);
    assert.equal(error.where?.line, line, yaml);
  }
  assert.match((await errorsOf('tuning_fork:\n  rollout: {seed: ${SEED}}'))[0]!.next!, /in quotes/);
});

test('no root, a misspelt one, two of them', async () => {
  assert.match((await onlyError('rollout: {user_workflow: a.ts->A}\n')).next!, /tuning_fork/);
  assert.match((await onlyError('tunning_fork: {}\n')).next!, /Did you mean `tuning_fork`/);
  assert.match((await onlyError(`${SMALL}ajet: {}\n`)).message, /2 roots/);
  assert.match((await onlyError(`${SMALL}model: {}\n`)).next!, /Indent it/);
});

test('anchors and merge keys', async () => {
  const { config, place } = await load('trinity:\n  base: &base\n    temperature: 0.3\n    top_p: 0.9\ntuning_fork:\n  rollout:\n    <<: *base\n    top_p: 0.8\n    user_workflow: a.ts->A\n');
  assert.equal(config.rollout.temperature, 0.3);
  assert.equal(config.rollout.top_p, 0.8);
  assert.equal(place('rollout.temperature').line, 3);
  assert.equal(place('rollout.top_p').line, 8);
});

test('aliases that multiply one another are refused, quickly', async () => {
  const lines = ['x0: &x0 [1,1,1,1,1,1,1,1,1,1]', ...Array.from({ length: 9 }, (_, i) => `x${i + 1}: &x${i + 1} [${Array(10).fill(`*x${i}`).join(',')}]`)];
  const started = performance.now();
  const errors = await errorsOf(`tuning_fork: {}\n${lines.join('\n')}\n`);
  assert.ok(errors.some((error) => /unfolds to more than/.test(error.message)));
  assert.ok(performance.now() - started < 60_000, 'without a limit it would take hours');
});

test('merges that multiply one another are no way around that', async () => {
  const level = (n: number): string => `a${n}: &a${n} {<<: [${Array(3_000).fill(`*a${n - 1}`).join(', ')}]}\n`;
  const errors = await errorsOf(`tuning_fork: {}\na0: &a0 {k: 1}\n${level(1)}${level(2)}`);
  assert.ok(errors.some((error) => /unfolds to more than/.test(error.message)));
});

test('hostile keys are just unknown keys', async () => {
  const errors = await errorsOf(`${SMALL}  __proto__: {polluted: 1}\n  constructor: 1\n  toString: 1\n`);
  assert.deepEqual(errors.map((error) => /`(\w+)`/.exec(error.message)?.[1]), ['__proto__', 'constructor', 'toString']);
  assert.equal(({} as { polluted?: number }).polluted, undefined);
});

test('BOM and CRLF leave places right', async () => {
  const error = await onlyError(`\uFEFF${SMALL.replaceAll('\n', '\r\n')}    sed: 1\r\n`);
  assert.deepEqual([error.where?.line, error.where?.column], [4, 5]);
  const first = await onlyError('\uFEFFtuning_forks: {}');
  assert.equal(first.where?.column, 1);
});

test('what PowerShell writes with > is told as what it is', async () => {
  const file = join(dir, 'powershell.yaml');
  await writeFile(file, Buffer.from(`\uFEFF${SMALL}`, 'utf16le'));
  await assert.rejects(loadConfig(file), ({ errors: [error] }: ConfigError) => /is UTF-16 text/.test(error!.message) && error!.where!.file === file);
});

test('a file that isn’t there, a folder, a name nearly right', async () => {
  await load(SMALL, {}, {}, 'countdown.yaml');
  const caller = { env: {}, cwd: dir };
  await assert.rejects(loadConfig('countdwn.yaml', {}, caller), (error: ConfigError) => /no such/.test(error.message) && /countdown\.yaml/.test(error.next ?? ''));
  await mkdir(join(dir, 'empty'), { recursive: true });
  await assert.rejects(loadConfig('empty', {}, caller), /is a folder/);
  await assert.rejects(loadConfig('empty/x.yaml', {}, caller), (error: ConfigError) => /tuning-fork init/.test(error.next ?? ''));
});

test('lengths that can’t fit together are told', async () => {
  const error = await onlyError(`${SMALL}    max_model_len: 100\n  data: {max_prompt_length: 60, max_response_length: 50}\n`);
  assert.equal(error.where?.key, 'rollout.max_model_len');
});

test('names of folders', async () => {
  for (const name of ['a/b', '..', '.hidden', '""', 'a:b', '"x\\ny"']) {
    assert.match((await onlyError(`${SMALL}  project_name: ${name}\n`)).message, /names a folder|must be text/, name);
  }
  assert.equal((await load(`${SMALL}  project_name: 实验 1\n`)).config.project_name, '实验 1');
});

test('AgentJet’s own default file parses but for its Python workflow', async () => {
  const yaml = `ajet:
  project_name: "ajet_default_project"
  experiment_name: "read_yaml_name"
  experiment_dir: "auto"
  backbone: verl
  model: {path: /path/to/model}
  data: {max_prompt_length: 3000, max_response_length: 15000, train_batch_size: 32}
  rollout:
    user_workflow: agent.ts->Agent
    force_disable_toolcalls: False
    max_env_worker: 64
    gamma: 1.0
    compute_madness_checklist: ["nonsense"]
    agent_madness_termination: True
    agent_madness_reward: -1.0
    max_response_length_in_one_turn: 4096
    max_model_len: 18000
    multi_turn: {max_sample_per_task: 30, max_steps: 30, expected_steps: 1}
    tensor_model_parallel_size: 1
    n_vllm_engine: 1
    max_num_seqs: 64
    name: vllm
    gpu_memory_utilization: 0.85
    num_repeat: 4
    temperature: 0.9
    top_p: 1.0
    top_k: -1
    val_kwargs: {temperature: 0.0, top_k: -1, top_p: 1.0, do_sample: False, num_repeat: 1}
  task_reader:
    type: huggingface_dat_repo
    jsonl_dataset_file: {training: {file_path: x}, validation: {file_path: y}}
    env_service: {env_type: appworld, env_url: "http://127.0.0.1:8080", env_action_preference: code, training_split: train, validation_split: dev}
    huggingface_dat_repo: {dataset_path: gsm8k, training_split: train, validation_split: validation}
    data_generation: {document_reader: {document_path: []}, task_num: 10}
  task_judge:
    judge_type: customized_protocol
    judge_protocol: ajet.task_judge.env_service_as_judge->EnvServiceJudge
    alien_llm_model: qwen3-235b-a22b-instruct-2507
    alien_llm_response_length: 512
    rubrics_auto_grader: {model_name: qwen-max}
  context_tracker: {timeline_merging_policy: {timeline_compare_level: text}, fix_retokenization_drift: True}
  debug: {debug_max_parallel: 4, debug_first_n_tasks: 2, debug_vllm_port: 18000, debug_vllm_seed: 12345, debug_tensor_parallel_size: 4}
  trainer_common:
    val_before_train: False
    val_pass_n: 4
    save_freq: 20
    test_freq: 20
    total_training_steps: null
    total_epochs: 50
    nnodes: 1
    n_gpus_per_node: 8
    logger: swanlab
    algorithm: {adv_estimator: grpo, use_kl_in_reward: False}
    mini_batch_num: 1
    fsdp_config: {param_offload: True, optimizer_offload: True}
    optim: {optimizer: AdamW, lr: 1.0e-06, weight_decay: 0.01, betas: [0.9, 0.999], grad_clip: 20.0, lr_scheduler_type: constant}
    use_kl_loss: True
    kl_loss_coef: 0.002
    kl_loss_type: low_var_kl
    ppo_epochs: 1
    ulysses_sequence_parallel_size: 1
    checkpoint_base_dir: ./saved_checkpoints
    save_trajectory_as_json_file: False
  lora: {lora_rank: 0}
  enable_swarm_mode: False
  interchange_server: {interchange_method: 'ipc'}
  task_runner: {wrapper_type: "asyncio-with-gc"}
  execute_test: False
  execute_testing_lambda: ""
trinity: {}
hydra: {run: {dir: "saved/\${now:%Y-%m-%d}"}}
defaults: [verl_default, trinity_default, ajet_default, _self_]
`;
  const { config } = await load(yaml);
  assert.equal(config.trainer_common.optim.lr, 1e-6);
  assert.equal(config.rollout.val_kwargs.do_sample, false);
});

test('keys of the GPU runtime: unknown ones are refused, its token is shown to nobody', async () => {
  const { shown, secrets, warnings } = await load(`${SMALL}  gpu: {ssh: me@gpu-box, token: "abcdef-123456"}\n  lora: {lora_rank: 16, lora_alpha: 32, target_modules: [q_proj]}\n`);
  assert.deepEqual([(shown.gpu as { token: string }).token, secrets], ['***', ['abcdef-123456']]);
  assert.match(warnings[0]!.message, /`gpu\.token` is written out in the file/);
  const problem = await onlyError(`${SMALL}  gpu: {shh: me@gpu-box}\n`);
  assert.deepEqual([problem.message, problem.next], ['There is no key `shh` in `gpu`.', 'Did you mean `ssh`?']);
});
