import { readFileSync } from 'node:fs';
import { findPath } from '../config/files.ts';
import type { LoadedConfig } from '../config/load.ts';
import { ENTRYPOINT, splitTarget } from '../config/target.ts';
import { BUILTIN_JUDGES } from '../protocol/config-names.ts';
import { TuningForkError, type Place } from '../protocol/errors.ts';
import { didYouMean } from '../protocol/suggest.ts';
import { countdown } from './countdown.ts';
import { environment, envService } from './environment.ts';
import type { BuiltinJudge, JudgeOptions } from './judge.ts';
import { exactMatch, numberMatch } from './match.ts';
import { mathAnswer } from './math.ts';

export type ResolvedJudge =
  | { kind: 'builtin'; judge: BuiltinJudge }
  /** A class of the user's own, for the worker; `file` as the YAML has it. */
  | { kind: 'user'; file: string; className: string }
  | { kind: 'none' };

const BUILTIN: Readonly<Record<(typeof BUILTIN_JUDGES)[number], (options: JudgeOptions) => BuiltinJudge>> = {
  math_answer: mathAnswer,
  countdown,
  exact_match: exactMatch,
  number_match: numberMatch,
  environment,
  env_service: envService,
};

/** AgentJet's own judges, by class; their module may be spelt as a path or with dots. */
const AGENTJET: Readonly<Record<string, string>> = {
  'math_answer_as_judge->MathAnswerAsJudge': 'math_answer',
  'countdown_answer_as_judge->CountdownAnswerAsJudge': 'countdown',
  'env_service_as_judge->EnvServiceJudge': 'env_service',
};

/** `builtin->math_answer`, one of AgentJet's, `path/file.ts->Class`, or nothing. */
export function resolveJudge(spec: string | null | undefined, options: JudgeOptions & { where?: Place } = {}): ResolvedJudge {
  if (spec === null || spec === undefined) return { kind: 'none' };
  const { where } = options;
  const name = builtinName(spec);
  if (name !== undefined) {
    const known = BUILTIN_JUDGES.find((one) => one === name);
    if (known !== undefined) return { kind: 'builtin', judge: BUILTIN[known](options) };
    throw new TuningForkError('config', `There is no built-in judge \`${name}\`.`, { next: didYouMean(name, BUILTIN_JUDGES) ?? `There are ${BUILTIN_JUDGES.join(', ')}.`, where });
  }
  if (/->\s*MathAnswerAndLlmAsJudge\s*$/.test(spec)) {
    throw new TuningForkError('not-here-yet', 'Judges that ask a model are not here yet.', { next: 'Use builtin->math_answer, or ask the model in a judge of your own.', where });
  }
  return { kind: 'user', ...splitTarget(spec, where) };
}

/** The judge of a configuration; `workflow` is named in its errors. */
export function judgeOf(loaded: Pick<LoadedConfig, 'config' | 'place' | 'dir' | 'cwd'>, workflow?: string): ResolvedJudge {
  const { config, place } = loaded;
  const { judge_type: type, judge_protocol: spec, tolerance } = config.task_judge;
  if (type === 'rubrics_auto_grader') {
    throw new TuningForkError('not-here-yet', 'The judge rubrics_auto_grader is not here yet.', { next: 'Name a built-in judge or a class of yours in task_judge.judge_protocol.', where: place('task_judge.judge_type') });
  }
  if (spec === null && gradedBeside(loaded)) return { kind: 'user', ...splitTarget(config.rollout.user_workflow) };
  return resolveJudge(spec, { workflow, tolerance, where: place('task_judge.judge_protocol') });
}

/** The grader of an entrypoint stands beside its workflow, which a configuration may name. */
function gradedBeside({ config: { rollout }, ...paths }: Pick<LoadedConfig, 'config' | 'dir' | 'cwd'>): boolean {
  const { file, className } = splitTarget(rollout.user_workflow);
  if (className === ENTRYPOINT) return true;
  const path = findPath(paths, file);
  const text = path === undefined ? '' : readFileSync(path, 'utf8');
  const base = Array.from(text.matchAll(/\bclass\s+([\p{ID_Continue}$]+)\s+extends\s+(\w+)/gu)).find(([, name]) => name === className)?.[2];
  return base !== undefined && base !== 'Workflow' && /\bAgentWorkflow\b/.test(text);
}

function builtinName(spec: string): string | undefined {
  const [module = '', name = ''] = spec.split('->').map((part) => part.trim());
  if (module === 'builtin') return name;
  const file = module.replace(/\.py$/, '').split(/[./\\]/).at(-1);
  const key = `${file}->${name}`;
  return Object.hasOwn(AGENTJET, key) && !/\.[cm]?[jt]sx?$/.test(module) ? AGENTJET[key] : undefined;
}
