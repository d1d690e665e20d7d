import { TuningForkError } from '../protocol/errors.ts';
import type { Json, JsonObject } from '../protocol/json.ts';
import type { OutputData, Task, Verdict } from '../protocol/task.ts';
import type { BuiltinJudge, JudgeOptions } from './judge.ts';
import { checkVerdict } from './verdict.ts';

/** The environment's own word is the reward; 1 and above is success. */
export function environment(options: JudgeOptions = {}): BuiltinJudge {
  return {
    name: 'environment',
    judge: (_task: Task, output: OutputData): Verdict => {
      const { reward, success } = evaluation(output, 'environment', options.workflow);
      return { reward, success: success ?? reward >= 1, parts: { environment: reward } };
    },
  };
}

/** AgentJet's EnvServiceJudge: half of the environment's word, and 1 more for success. */
export function envService(options: JudgeOptions = {}): BuiltinJudge {
  return {
    name: 'env_service',
    judge: (_task: Task, output: OutputData): Verdict => {
      const { reward: raw, success: told } = evaluation(output, 'env_service', options.workflow);
      const success = told ?? raw >= 1;
      return { reward: (success ? 1 : 0) + 0.5 * raw, success, parts: { environment: 0.5 * raw, success: success ? 1 : 0 } };
    },
  };
}

/** `metadata.evaluation`, what `environment.evaluate()` gave, or `metadata.reward`: a number or { reward, success }. */
function evaluation({ metadata }: OutputData, judge: string, workflow = 'The workflow'): Verdict {
  const told: Json | undefined = metadata.evaluation ?? metadata.reward;
  if (told === undefined || told === null) {
    throw new TuningForkError('reward', `${workflow} returned neither a reward nor its environment’s word on it, which the judge ${judge} reads.`, {
      next: 'Return new WorkflowOutput({ reward: null, metadata: { evaluation: await environment.evaluate() } }).',
    });
  }
  const { reward, success } = typeof told === 'object' && !Array.isArray(told) ? told as JsonObject : { reward: told, success: null };
  return checkVerdict({ reward, success: success ?? null }, `The environment of ${workflow}`);
}
