import { findPath } from '../../config/files.ts';
import { loadConfig, type LoadedConfig } from '../../config/load.ts';
import { splitTarget } from '../../config/target.ts';
import { judgeOf } from '../../judges/resolve.ts';
import { detectLocalServers } from '../../policy/providers.ts';
import { errorInfo, formatPlace, type ErrorInfo } from '../../protocol/errors.ts';
import type { RunEvent } from '../../protocol/backbone.ts';
import type { Split } from '../../protocol/trace.ts';
import { openTasks } from '../../tasks/open.ts';
import { openRunReader } from '../../trace/index.ts';
import type { Args, Command } from '../args.ts';
import { connect, environment } from '../connect.ts';
import { EXIT, paint, print, printJson } from '../io.ts';
import { t } from '../l10n.ts';
import { count, decimal, duration } from '../statistics.ts';
import { padEnd, visible } from '../terminal.ts';
import { runOptions } from './rollout.ts';

export const check: Command = {
  name: 'check',
  summary: 'Check configuration, workflow, data, model and judge before a run',
  usage: '--conf <yaml>',
  about: ['Each line is a verdict and, where something is wrong, the next step. Ends with one dry rollout.'],
  options: runOptions,
  run: (args) => new Check(args).run(),
};

type Verdict = 'ok' | 'warning' | 'failed' | 'skipped';

const signs: Record<Verdict, string> = { ok: paint.green('✓'), warning: paint.yellow('!'), failed: paint.red('✗'), skipped: paint.dim('–') };

class Check {
  readonly #args: Args;
  #failed = false;

  constructor(args: Args) {
    this.#args = args;
  }

  async run(): Promise<number> {
    const config = await this.#config();
    if (config !== undefined) {
      for (const split of ['training', 'validation'] as const) await this.#data(config, split);
      await this.#judge(config);
      await this.#servers(config);
      if (this.#failed) this.#tell('dry rollout', 'skipped', t('Not tried, because something above is wrong.'));
      else await this.#dryRollout(config);
    }
    return this.#failed ? EXIT.failed : EXIT.ok;
  }

  #tell(name: string, verdict: Verdict, message: string, next?: string): void {
    if (verdict === 'failed') this.#failed = true;
    if (this.#args.on('json')) return printJson({ type: 'check', name, verdict, message, next });
    print(`${signs[verdict]} ${padEnd(t(name), 14)} ${visible(message)}`);
    if (next !== undefined) print(`${' '.repeat(17)}${paint.yellow('→')} ${visible(next)}`);
  }

  #tellError(name: string, error: unknown): void {
    const infos: ErrorInfo[] = (error as { errors?: ErrorInfo[] }).errors ?? [errorInfo(error)];
    for (const info of infos) this.#tell(name, 'failed', `${info.where === undefined ? '' : `${formatPlace(info.where)}: `}${info.message}`, info.next);
  }

  async #config(): Promise<LoadedConfig | undefined> {
    try {
      const config = await loadConfig(this.#args.text('conf')!, { trainable_targets: this.#args.list('train') });
      this.#tell('configuration', 'ok', config.file);
      for (const warning of config.warnings) this.#tell('configuration', 'warning', warning.message, warning.next);
      return config;
    } catch (error) {
      this.#tellError('configuration', error);
      return undefined;
    }
  }

  async #data(config: LoadedConfig, split: Split): Promise<void> {
    const reader = config.config.task_reader;
    if (split === 'validation' && reader.type === 'jsonl_dataset_file' && reader.jsonl_dataset_file.validation.file_path === undefined) {
      return this.#tell('data', 'warning', t('There are no validation tasks.'), t('Set task_reader.jsonl_dataset_file.validation.file_path to measure on tasks that are not trained.'));
    }
    try {
      const source = openTasks(config, split);
      let tasks = 0;
      for await (const _ of source.tasks()) tasks++;
      if (tasks === 0) return this.#tell('data', 'failed', t('{0}: no task.', source.name), t('Put one task on each line.'));
      this.#tell('data', 'ok', t('{0} {1} tasks in {2}', count(tasks), split, source.name));
      if (source.badRowCount > 0) this.#tell('data', 'warning', t('{0} rows were left out; the first: {1}', count(source.badRowCount), source.badRows[0]!.message));
    } catch (error) {
      this.#tellError('data', error);
    }
  }

  async #judge(config: LoadedConfig): Promise<void> {
    try {
      const judge = judgeOf(config, splitTarget(config.config.rollout.user_workflow).className);
      if (judge.kind === 'none') return this.#tell('judge', 'ok', t('None: the workflow must give every reward itself.'));
      if (judge.kind === 'builtin') return this.#tell('judge', 'ok', t('built-in {0}', judge.judge.name));
      if (findPath(config, judge.file) === undefined) return this.#tell('judge', 'failed', t('{0} does not exist.', judge.file), t('Correct task_judge.judge_protocol in the YAML.'));
      this.#tell('judge', 'ok', `${judge.className} (${judge.file})`);
    } catch (error) {
      this.#tellError('judge', error);
    }
  }

  /** Told only where a model is asked for by a server's name, or none of its own is named. */
  async #servers(config: LoadedConfig): Promise<void> {
    const model = this.#args.text('model') ?? config.config.model.path;
    const found = await detectLocalServers();
    for (const { provider, baseURL, models } of found) {
      this.#tell('model servers', 'ok', t('{0} at {1} with {2}', provider, baseURL, models.slice(0, 5).join(', ') || t('no model')), models[0] === undefined || model.startsWith(`${provider}:`) ? undefined : t('Use one with --model {0}', `${provider}:${models[0]}`));
    }
    if (found.length === 0) this.#tell('model servers', 'skipped', t('No Ollama, LM Studio, vLLM or llama.cpp server answers on this machine; none is needed.'));
  }

  async #dryRollout(config: LoadedConfig): Promise<void> {
    const client = await connect(this.#args);
    try {
      const { run, dir } = await client.request('start', {
        kind: 'check', conf: config.file, env: environment(), cwd: process.cwd(), model: this.#args.text('model'), train: this.#args.list('train'),
        temperature: this.#args.number('temperature'), seed: this.#args.number('seed'), tasks: { first: 1 }, repeats: 1, concurrency: 1,
      });
      let modelReady = false;
      let workflowReady = false;
      const ended = Promise.withResolvers<Extract<RunEvent, { type: 'finished' }>>();
      await client.attach(run, (event) => {
        if (event.type === 'model-ready') {
          modelReady = true;
          this.#tell('model', 'ok', t('{0}, ready in {1}', event.label, duration(event.milliseconds)));
        } else if (event.type === 'workflow-ready') {
          workflowReady = true;
          this.#tell('workflow', 'ok', t('{0}; trained roles: {1}', event.name, event.roles?.join(', ') ?? t('all')));
        } else if (event.type === 'notice') {
          this.#tell('workflow', 'warning', event.notice.message, event.notice.next);
        } else if (event.type === 'rollout-finished') {
          this.#dry(event);
        } else if (event.type === 'finished') {
          ended.resolve(event);
        }
      }, 0);
      const { error } = await ended.promise;
      if (error !== undefined) this.#tellError(error.code === 'workflow' || error.code === 'judge' || (modelReady && !workflowReady) ? 'workflow' : 'model', Object.assign(new Error(error.message), { errors: [error] }));
      await this.#untrainable(dir);
    } catch (error) {
      this.#tellError('dry rollout', error);
    } finally {
      client.close();
    }
  }

  #dry({ entry, error }: Extract<RunEvent, { type: 'rollout-finished' }>): void {
    if (error !== undefined) return this.#tell('dry rollout', 'failed', `${error.where === undefined ? '' : `${formatPlace(error.where)}: `}${error.message}`, error.next);
    this.#tell('dry rollout', 'ok', t('reward {0} in {1}: {2} calls, {3} tokens sampled, {4} of them trainable', decimal(entry.reward ?? NaN), duration(entry.duration), count(entry.calls), count(entry.sampled), count(entry.trained)));
  }

  async #untrainable(dir: string): Promise<void> {
    const reader = await openRunReader(dir);
    if (reader.count > 0 && reader.entry(0).flags.includes('untrainable')) {
      this.#tell('model', 'warning', t('This model does not tell its token ids, so its rollouts can be judged and not trained.'), t('Train with a model folder or "embedded"; vLLM tells its ids too.'));
    }
  }
}
