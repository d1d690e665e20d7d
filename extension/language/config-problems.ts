/** All that is wrong with a configuration as it stands in an editor: what a run would say, and what it names but isn't there. */
import { readdir } from 'node:fs/promises';
import { basename, dirname, relative, resolve } from 'node:path';
import type { Environment } from '../../runtime/config/environment.ts';
import { ConfigError } from '../../runtime/config/errors.ts';
import { findPath, needFile } from '../../runtime/config/files.ts';
import { parseConfig, type LoadedConfig } from '../../runtime/config/load.ts';
import { inTheirWords, readTrinity } from '../../runtime/config/trinity.ts';
import { readYaml } from '../../runtime/config/yaml.ts';
import { keysWithoutEffect } from '../../runtime/config/schema.ts';
import { ENTRYPOINT, splitTarget } from '../../runtime/config/target.ts';
import { BUILTIN_JUDGES } from '../../runtime/protocol/config.ts';
import { errorInfo, type ErrorInfo } from '../../runtime/protocol/errors.ts';
import { nearest } from '../../runtime/protocol/suggest.ts';
import type { Given } from '../discovery/discovery.ts';
import { asOverrides } from '../discovery/given.ts';
import { posix, type Named } from './named.ts';
import { fixesFor } from './config-fixes.ts';
import { ConfigText } from './config-text.ts';
import type { Exports } from './exports.ts';
import { replace, type Fix, type L10n, type Problem } from '../../runtime/contracts/problem.ts';

export interface ConfigProblem extends Problem {
  /** What it is about does nothing: shown faded. */
  idle?: boolean;
}

export interface Surroundings {
  env: Environment;
  /** The project: paths are meant from the YAML's folder first, then from here. */
  cwd: string;
  /** Of a file as it stands in an editor where it is open; undefined if that can't be told. */
  exportsOf(file: string): Promise<Exports | undefined>;
  workflows: readonly Named[];
  /** Where `tune` is given it. */
  given?: Given | undefined;
  /** The sentence of an error and its next step, in the language of the editor. */
  sentenceOf(error: ErrorInfo): string;
}

/** In the order of the text. */
export async function configProblems(text: string, file: string, around: Surroundings, l10n: L10n): Promise<ConfigProblem[]> {
  const config = new ConfigText(text, file);
  const workflows = around.workflows.map((workflow) => ({ ...workflow, from: file }));
  const told = (error: ErrorInfo, severity: Problem['severity'], fixes: Fix[], span = config.span(error.where ?? { file })): ConfigProblem =>
    ({ code: 'config', severity, message: around.sentenceOf(error), span, fixes });
  const trinity = readTrinity(readYaml(text, file));
  // What would mend a mistake is written in keys of ours.
  const fixes = ({ where }: ErrorInfo): Fix[] => trinity !== undefined ? [] : fixesFor(where?.key ?? '', config, workflows, l10n);
  const idle = keysWithoutEffect(config.body);
  const problems = idle.flatMap((key): ConfigProblem[] => {
    const span = config.key(key);
    return span === undefined ? [] : [{ code: 'no-effect', severity: 'warning', idle: true, fixes: [], span, message: l10n.t('`{0}` has no effect here yet.', key) }];
  });
  try {
    const loaded = parseConfig(text, file, asOverrides(around.given), around);
    // A run tells all of those in one sentence, at the first.
    problems.push(...loaded.warnings.filter(({ where }) => !idle.includes(where?.key ?? '')).map((warning) => told(warning, 'warning', fixes(warning))));
    for (const one of await absent(config, loaded, around, l10n)) {
      problems.push(trinity === undefined ? told(one, 'error', one.fixes, config.value(one.where?.key ?? '')) : told(inTheirWords(one, trinity), 'error', []));
    }
  } catch (error) {
    if (!(error instanceof ConfigError)) throw error;
    // The environment of an editor need not be that of a run.
    problems.push(...error.errors.map((one) => (one.message.startsWith('The environment has no variable') ? told(one, 'warning', []) : told(one, 'error', fixes(one)))));
  }
  return problems.sort((a, b) => a.span.start - b.span.start);
}

type Absent = ErrorInfo & { fixes: Fix[] };

/** Files, and classes in them, that a configuration names and that are not there. */
async function absent(config: ConfigText, loaded: LoadedConfig, around: Surroundings, l10n: L10n): Promise<Absent[]> {
  const { rollout, task_judge: { judge_protocol: judge }, task_reader: reader } = loaded.config;
  const look = (key: string, target: string): Promise<Absent[]> => absentClass(config, loaded, key, target, around, l10n);
  const found = around.given === undefined ? await look('rollout.user_workflow', rollout.user_workflow) : [];
  const judgeKey = 'task_judge.judge_protocol';
  const builtin = /^\s*builtin\s*->\s*(\S+)\s*$/.exec(judge ?? '')?.[1];
  if (builtin !== undefined) found.push(...absentBuiltin(config, loaded, judgeKey, builtin, l10n));
  // AgentJet's own judges are Python modules, which stand for built-in ones.
  else if (judge !== null && around.given?.judge === undefined && /\.[cm]?[jt]sx?\s*->/i.test(judge)) found.push(...await look(judgeKey, judge));
  if (reader.type !== 'jsonl_dataset_file') return found;
  for (const split of ['training', 'validation'] as const) {
    const path = reader.jsonl_dataset_file[split].file_path;
    if (path !== undefined) found.push(...await absentFile(config, loaded, `task_reader.jsonl_dataset_file.${split}.file_path`, path, /\.jsonl?$/i, (near) => near, l10n));
  }
  return found;
}

async function absentFile(config: ConfigText, loaded: LoadedConfig, key: string, path: string, like: RegExp, write: (near: string) => string, l10n: L10n): Promise<Absent[]> {
  try {
    needFile(loaded, path, key);
    return [];
  } catch (error) {
    const names = (await readdir(dirname(resolve(loaded.dir, path))).catch(() => [])).filter((name) => like.test(name));
    const near = nearest(basename(path), names) ?? (names.length === 1 ? names[0] : undefined);
    return [{ ...errorInfo(error), where: loaded.place(key), fixes: near === undefined ? [] : [writing(config, key, write(path.replace(/[^/\\]*$/, near)), true, l10n)] }];
  }
}

async function absentClass(config: ConfigText, loaded: LoadedConfig, key: string, target: string, around: Surroundings, l10n: L10n): Promise<Absent[]> {
  const { file: path, className } = splitTarget(target);
  const source = findPath(loaded, path);
  if (source === undefined) return absentFile(config, loaded, key, path, /\.[cm]?tsx?$/i, (near) => `${near}->${className}`, l10n);
  const exported = await around.exportsOf(source);
  if (className === ENTRYPOINT || exported === undefined || exported.open || [...exported.classes, ...exported.others].includes(className)) return [];
  const near = nearest(className, exported.classes);
  return [{
    code: 'config', where: loaded.place(key),
    message: l10n.t('There is no exported class {0} in {1}.', className, posix(relative(around.cwd, source))),
    next: exported.classes.length === 0 ? l10n.t('Write "export class {0}".', className) : l10n.t('It exports {0}.', exported.classes.join(', ')),
    fixes: exported.classes.map((name) => writing(config, key, `${path}->${name}`, name === near || exported.classes.length === 1, l10n)),
  }];
}

function absentBuiltin(config: ConfigText, loaded: LoadedConfig, key: string, name: string, l10n: L10n): Absent[] {
  if (BUILTIN_JUDGES.some((known) => known === name)) return [];
  const near = nearest(name, BUILTIN_JUDGES);
  return [{
    code: 'config', where: loaded.place(key), message: l10n.t('There is no built-in judge `{0}`.', name), next: l10n.t('There are {0}.', BUILTIN_JUDGES.join(', ')),
    fixes: (near === undefined ? BUILTIN_JUDGES : [near]).map((known) => writing(config, key, `builtin->${known}`, known === near, l10n)),
  }];
}

function writing(config: ConfigText, key: string, value: string, preferred: boolean, l10n: L10n): Fix {
  const span = config.value(key);
  return { title: l10n.t('Write {0}', value), preferred, edits: span === undefined ? [] : [replace(span, value)] };
}
