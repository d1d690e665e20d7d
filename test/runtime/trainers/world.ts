import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after } from 'node:test';
import { fileURLToPath } from 'node:url';
import type { Sampled, SampleRequest, TokenPolicy } from '../../../runtime/policy/policy.ts';
import type { StepRequest, StepSettings } from '../../../runtime/protocol/trainer.ts';
import { decoderCost, layOut, pack, track, weigh, type Pack } from '../../../runtime/tracker/index.ts';
import { startEmbeddedTrainer, type StartOptions } from '../../../runtime/trainers/embedded/process.ts';
import type { TrainerProcess } from '../../../runtime/trainers/process.ts';

export const embedded = fileURLToPath(new URL('../../../runtime/policy/embedded', import.meta.url));

export const settings: StepSettings = {
  learningRate: 1e-3, betas: [0.9, 0.95], eps: 1e-8, weightDecay: 0, gradClip: 1, clipLow: 0.2, clipHigh: 0.2, dualClip: 0, importanceCap: 2, klCoef: 0, entropyCoef: 0, temperature: 1,
};

export function stepOf(change: Partial<Omit<StepRequest, 'settings'>> & { settings?: Partial<StepSettings> } = {}): StepRequest {
  const { version = 0, stepId = `step-${version}`, updates = [{ packs: [0], denominator: 4 }] } = change;
  return { stepId, version, settings: { ...settings, ...change.settings }, updates };
}

const cleanUp: (() => unknown)[] = [];
after(async () => { for (const step of cleanUp.toReversed()) await step(); });

export function temporaryFolder(): string {
  const folder = mkdtempSync(join(tmpdir(), 'tuning-fork-trainer-'));
  cleanUp.push(() => rmSync(folder, { recursive: true, force: true }));
  return folder;
}

export async function start(options: Partial<StartOptions> = {}): Promise<TrainerProcess> {
  const trainer = await startEmbeddedTrainer({ model: embedded, threads: 1, ...options });
  cleanUp.push(() => trainer.stop());
  return trainer;
}

/** A prompt of the policy's own kind. */
export function promptOf(policy: TokenPolicy, task = 0): number[] {
  return policy.tokenizer.encode(`<|im_start|>user\nUse the numbers ${task + 3}, 7, 25 to make ${task + 32}.<|im_end|>\n<|im_start|>assistant\n`);
}

export function request(policy: TokenPolicy, key: number, change: Partial<SampleRequest> & { maxTokens?: number } = {}): SampleRequest {
  const { maxTokens = 24, ...more } = change;
  return { prompt: promptOf(policy), key: BigInt(key), sampling: { temperature: 1, topP: 1, topK: 0, maxTokens }, stopIds: policy.format.stopIds, ...more };
}

export interface Answers {
  prompt: number[];
  answers: Sampled[];
}

export async function sampleGroup(policy: TokenPolicy, count = 4, task = 0): Promise<Answers> {
  const prompt = promptOf(policy, task);
  return { prompt, answers: await Promise.all(Array.from({ length: count }, (_, key) => policy.sample(request(policy, key, { prompt })))) };
}

/** One pack of the group's tree, with an advantage for each answer. */
export function packOf({ prompt, answers }: Answers, advantages: number[]): Pack {
  const tree = track(answers.map(({ ids, logprobs }, index) => ({ rollout: String(index), call: 0, prompt, sampled: ids, logprobs })));
  const weighed = weigh(tree, ({ rollout }) => {
    const index = Number(rollout);
    return { advantage: advantages[index]!, weight: 1 / answers[index]!.ids.length };
  });
  return pack(layOut(weighed, { engine: decoderCost({ parameters: 870_528, layers: 4, width: 128, causalKernel: false }) }).pieces);
}
