import { findPath } from '../../config/files.ts';
import { loadConfig, type LoadedConfig } from '../../config/load.ts';
import { ENTRYPOINT, splitTarget } from '../../config/target.ts';
import { judgeOf } from '../../judges/resolve.ts';
import { detectLocalServers } from '../../policy/providers.ts';
import { errorInfo, formatPlace, type ErrorInfo } from '../../protocol/errors.ts';
import { providers } from '../../protocol/providers.ts';
import type { RunEvent } from '../../protocol/backbone.ts';
import type { Split } from '../../protocol/trace.ts';
import { openTasks } from '../../tasks/open.ts';
import { openRunReader } from '../../trace/index.ts';
import { historyOf } from '../../view/history.ts';
import type { Args, Command } from '../args.ts';
import { asked, overridesOf, runOptions } from '../asked.ts';
import { startAndFollow, type Watcher } from '../follow.ts';
import { count, decimal, duration } from '../format.ts';
import { spinner } from '../frame.ts';
import { historyLines, historySummary } from '../history.ts';
import { asTyped } from '../invocation.ts';
import { err, errPaint, EXIT, note, out, paint, print, printJson } from '../io.ts';
import { plural, t } from '../l10n.ts';
import { LiveRegion } from '../live-region.ts';
import { inOurWords, nearby } from '../report.ts';
import { padEnd, visible, wrap } from '../terminal.ts';

export const check: Command = {
  name: 'check',
  summary: 'Check configuration, workflow, data, model and judge before a run',
  usage: '--conf <yaml> [options]',
  about: ['Each line is a verdict and, where something is wrong, the next step. Ends with one dry rollout.'],
  examples: ['tuning-fork check --conf tuning-fork.yaml', 'tuning-fork check --conf tuning-fork.yaml --model ollama:qwen3', 'tuning-fork check --conf tuning-fork.yaml --history'],
  options: { ...runOptions, history: { help: 'Show what became of the history that the agent sent with each call: put back, or a new branch, and why' } },
  run: (args) => new Check(args).run(),
};

type Verdict = 'ok' | 'warning' | 'failed' | 'skipped';

const signs: Record<Verdict, string> = { ok: paint.green('✓'), warning: paint.yellow('!'), failed: paint.red('✗'), skipped: paint.dim('–') };
const FRAME_MS = 100;

class Check implements Watcher {
  readonly #args: Args;
  readonly #json: boolean;
  readonly #live: LiveRegion | undefined;
  #spinning: NodeJS.Timeout | undefined;
  #failed = false;
  #modelReady = false;
  #workflowReady = false;

  constructor(args: Args) {
    this.#args = args;
    this.#json = args.on('json');
    this.#live = err.interactive && !this.#json ? new LiveRegion(err) : undefined;
  }

  async run(): Promise<number> {
    const config = await this.#config();
    if (config === undefined) return EXIT.failed;
    for (const split of ['training', 'validation'] as const) await this.#data(config, split);
    await this.#judge(config);
    await this.#servers(config);
    if (!this.#failed) return await this.#dryRollout(config);
    this.#tell('dry rollout', t('dry rollout'), 'skipped', t('Not tried, because something above is wrong.'));
    return EXIT.failed;
  }

  /** `name` is for machines, `title` for people. */
  #tell(name: string, title: string, verdict: Verdict, message: string, next?: string): void {
    if (verdict === 'failed') this.#failed = true;
    if (this.#json) return printJson({ type: 'check', name, verdict, message, next });
    this.#live?.clear();
    const [first = '', ...rest] = wrap(visible(message), Math.max(30, Math.min(out.width, 120) - 17));
    print(`${signs[verdict]} ${padEnd(title, 14)} ${first}`);
    for (const line of rest) print(' '.repeat(17) + line);
    if (next !== undefined) print(`${' '.repeat(17)}${paint.yellow('→')} ${visible(asTyped(next))}`);
  }

  #tellError(name: string, title: string, error: ErrorInfo): void {
    const { message, next, where } = this.#said(error);
    const place = where === undefined ? '' : `${formatPlace(nearby(where))}: `;
    this.#tell(name, title, 'failed', place + message, next);
  }

  #tellNotice(name: string, title: string, verdict: Verdict, notice: ErrorInfo): void {
    const { message, next } = this.#said(notice);
    this.#tell(name, title, verdict, message, next);
  }

  /** Programs get errors as they are. */
  #said(error: ErrorInfo): ErrorInfo {
    return this.#json ? error : inOurWords(error);
  }

  #tellThrown(name: string, title: string, error: unknown): void {
    for (const info of (error as { errors?: ErrorInfo[] }).errors ?? [errorInfo(error)]) this.#tellError(name, title, info);
  }

  async #config(): Promise<LoadedConfig | undefined> {
    const name = 'configuration';
    const title = t('configuration');
    try {
      const config = await loadConfig(this.#args.text('conf')!, overridesOf(this.#args));
      this.#tell(name, title, 'ok', nearby({ file: config.file }).file);
      for (const warning of config.warnings) this.#tellNotice(name, title, 'warning', warning);
      return config;
    } catch (error) {
      this.#tellThrown(name, title, error);
      return undefined;
    }
  }

  async #data(config: LoadedConfig, split: Split): Promise<void> {
    const title = t('data');
    const reader = config.config.task_reader;
    if (split === 'validation' && reader.type === 'jsonl_dataset_file' && reader.jsonl_dataset_file.validation.file_path === undefined) {
      return this.#tell('data', title, 'warning', t('There are no validation tasks.'), t('Set task_reader.jsonl_dataset_file.validation.file_path to measure on tasks that are not trained.'));
    }
    try {
      const source = openTasks(config, split);
      let tasks = 0;
      for await (const _ of source.tasks()) tasks++;
      if (tasks === 0) return this.#tell('data', title, 'failed', t('{0}: no task.', source.name), t('Put one task on each line.'));
      this.#tell('data', title, 'ok', split === 'training'
        ? t('{0} for training in {1}', plural(tasks, '{0} task', '{0} tasks'), source.name)
        : t('{0} for validation in {1}', plural(tasks, '{0} task', '{0} tasks'), source.name));
      if (source.badRowCount > 0) {
        const { message, next } = this.#said(source.badRows[0]!);
        this.#tell('data', title, 'warning', t('{0} left out; the first: {1}', plural(source.badRowCount, '{0} row', '{0} rows'), message), next);
      }
    } catch (error) {
      this.#tellThrown('data', title, error);
    }
  }

  async #judge(config: LoadedConfig): Promise<void> {
    const title = t('judge');
    try {
      const judge = judgeOf(config, splitTarget(config.config.rollout.user_workflow).className);
      if (judge.kind === 'none') return this.#tell('judge', title, 'ok', t('None: the workflow must give every reward itself.'));
      if (judge.kind === 'builtin') return this.#tell('judge', title, 'ok', t('built-in {0}', judge.judge.name));
      if (findPath(config, judge.file) === undefined) return this.#tell('judge', title, 'failed', t('{0} does not exist.', judge.file), t('Correct task_judge.judge_protocol in the YAML.'));
      this.#tell('judge', title, 'ok', judge.className === ENTRYPOINT ? judge.file : `${judge.className} (${judge.file})`);
    } catch (error) {
      this.#tellThrown('judge', title, error);
    }
  }

  /** What answers on this machine; and whether the server that the model is asked from is among them. */
  async #servers(config: LoadedConfig): Promise<void> {
    const name = 'model servers';
    const title = t('model servers');
    const asked = this.#args.text('model') ?? config.config.model.path;
    const [, provider = '', model = ''] = /^([\w-]+):(.+)$/.exec(asked) ?? [];
    const needed = config.config.model.base_url === undefined && Object.hasOwn(providers, provider) && providers[provider]!.local !== undefined;
    const found = await detectLocalServers();
    for (const server of found) {
      const use = server.models[0] === undefined || needed ? undefined : t('Use one with --model {0}', `${server.provider}:${server.models[0]}`);
      this.#tell(name, title, 'ok', t('{0} at {1} with {2}', server.provider, server.baseURL, server.models.slice(0, 5).join(', ') || t('no model')), use);
    }
    const server = found.find((each) => each.provider === provider);
    if (needed && server === undefined) {
      this.#tell(name, title, 'failed', t('{0} does not answer at {1}.', provider, providers[provider]!.baseURL), t('Start it, or name another model with --model.'));
    } else if (needed && !server!.models.some((each) => each === model || each.replace(/:latest$/, '') === model)) {
      this.#tell(name, title, 'failed', t('{0} has no model "{1}".', provider, model), t('It has {0}.', server!.models.join(', ') || '–'));
    } else if (found.length === 0) {
      this.#tell(name, title, 'skipped', t('No Ollama, LM Studio, vLLM or llama.cpp server answers on this machine; none is needed.'));
    }
  }

  async #dryRollout(config: LoadedConfig): Promise<number> {
    const title = t('dry rollout');
    try {
      const { error, status, interrupted } = await startAndFollow(this.#args, {
        kind: 'check', conf: config.file, ...asked(this.#args),
        temperature: this.#args.number('temperature'), tasks: { first: 1 }, repeats: 1, concurrency: 1,
      }, this);
      if (interrupted) return EXIT.cancelled;
      if (error !== undefined) {
        const guilty = error.code === 'judge' ? 'judge' : error.code === 'workflow' || (this.#modelReady && !this.#workflowReady) ? 'workflow' : 'model';
        this.#tellError(guilty, { judge: t('judge'), workflow: t('workflow'), model: t('model') }[guilty], error);
      }
      await this.#untrainable(status.dir);
      if (this.#args.on('history')) await this.#history(status.dir);
    } catch (error) {
      this.#tellThrown('dry rollout', title, error);
    }
    return this.#failed ? EXIT.failed : EXIT.ok;
  }

  async #untrainable(dir: string): Promise<void> {
    const reader = await openRunReader(dir);
    if (reader.count > 0 && reader.entry(0).flags.includes('untrainable')) {
      this.#tell('model', t('model'), 'warning', t('This model does not tell its token ids, so its rollouts can be judged and not trained.'), t('Train with a model folder or "embedded"; vLLM tells its ids too.'));
    }
  }

  async #history(dir: string): Promise<void> {
    const reader = await openRunReader(dir);
    const title = t('history');
    const calls = reader.count === 0 ? [] : historyOf(await reader.read(0));
    if (calls.length === 0) return this.#tell('history', title, 'skipped', t('There was no model call.'));
    if (this.#json) return printJson({ type: 'check', name: 'history', verdict: 'ok', message: historySummary(calls), calls });
    this.#tell('history', title, 'ok', historySummary(calls));
    for (const line of historyLines(calls)) print(' '.repeat(17) + line);
  }

  phase(text: string): void {
    clearInterval(this.#spinning);
    const started = performance.now();
    if (this.#live !== undefined) this.#spinning = setInterval(() => this.#live!.draw([`${errPaint.cyan(spinner(performance.now() - started))} ${text}`]), FRAME_MS);
  }

  begin(): void {
    this.phase(t('Loading the model and the workflow…'));
  }

  say(line: string): void {
    this.#live?.clear();
    if (!this.#json) note(line);
  }

  end(): void {
    clearInterval(this.#spinning);
    this.#live?.clear();
  }

  receive(event: RunEvent): void {
    switch (event.type) {
      case 'model-ready':
        this.#modelReady = true;
        return this.#tell('model', t('model'), 'ok', event.milliseconds < 1 ? t('{0}, loaded already', event.label) : t('{0}, ready in {1}', event.label, duration(event.milliseconds)));
      case 'workflow-ready':
        this.#workflowReady = true;
        return this.#tell('workflow', t('workflow'), 'ok', t('{0}; trained roles: {1}', event.name, event.roles?.join(', ') ?? t('all')));
      case 'notice':
        // The configuration's own warnings stand above already.
        if (event.notice.code === 'config') return;
        return this.#tellNotice('workflow', t('workflow'), event.level === 'info' ? 'ok' : 'warning', event.notice);
      case 'rollout-started':
        return this.phase(t('Trying {0}…', event.task));
      case 'rollout-finished':
        return this.#dry(event);
    }
  }

  #dry({ entry: { reward, duration: took, calls, sampled, trained, status }, error }: Extract<RunEvent, { type: 'rollout-finished' }>): void {
    const title = t('dry rollout');
    if (status === 'cancelled') return this.#tell('dry rollout', title, 'skipped', t('Cancelled.'));
    if (error !== undefined) return this.#tellError('dry rollout', title, error);
    this.#tell('dry rollout', title, 'ok', t('reward {0} in {1}: {2}, {3} sampled, {4} of them trainable', decimal(reward ?? NaN), duration(took), plural(calls, '{0} call', '{0} calls'), plural(sampled, '{0} token', '{0} tokens'), count(trained)));
  }
}
