/**
 * transformers.js on a decoder directory: reads one JSON line per round from stdin, { prompts, tokens, batched }, generates greedily and
 * answers with { ids, seconds }. Arguments: directory, threads (0: its default).
 */
import { basename, dirname } from 'node:path';
import { createInterface } from 'node:readline';
import { AutoModelForCausalLM, env, LogLevel, Tensor } from '@huggingface/transformers';

const [directory, threads] = process.argv.slice(2);
env.allowRemoteModels = false;
env.localModelPath = dirname(directory);
if (LogLevel) env.logLevel = LogLevel.ERROR;
const model = await AutoModelForCausalLM.from_pretrained(basename(directory), {
  dtype: 'fp32', device: 'cpu', ...(threads !== '0' && { session_options: { intraOpNumThreads: Number(threads) } }),
});
console.log(JSON.stringify({ ready: true }));

for await (const line of createInterface({ input: process.stdin })) {
  const { prompts, tokens, batched } = JSON.parse(line);
  const start = performance.now();
  const ids = [];
  for (const group of batched ? [prompts] : prompts.map((prompt) => [prompt])) ids.push(...await generate(group, tokens));
  console.log(JSON.stringify({ ids, seconds: (performance.now() - start) / 1000 }));
}

/** Padded on the left, as its generation expects. */
async function generate(prompts, tokens) {
  const length = Math.max(...prompts.map((prompt) => prompt.length));
  const fill = (value) => new Tensor('int64', BigInt64Array.from(prompts.flatMap((prompt) => (
    [...Array.from({ length: length - prompt.length }, () => 0n), ...prompt.map((id) => value ?? BigInt(id))]))), [prompts.length, length]);
  const output = await model.generate({
    input_ids: fill(), attention_mask: fill(1n), max_new_tokens: tokens, min_new_tokens: tokens, do_sample: false, eos_token_id: [-1],
  });
  return output.tolist().map((row) => row.slice(length).map(Number));
}
