/** What a policy can do on the tasks of validation: `node runtime/policy/lessons/evaluate.ts [directory] [tasks]`. */
import { readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { calculate } from '../../../examples/math-agent/calculator.ts';
import { FrozenLake } from '../../../examples/frozenlake/environment.ts';
import * as countdown from '../../../examples/countdown/prompt.ts';
import * as frozenlake from '../../../examples/frozenlake/prompt.ts';
import * as math from '../../../examples/math-agent/prompt.ts';
import type { Row } from '../../../examples/rows.ts';
import type { ChatMessage, ToolDefinition } from '../../protocol/chat.ts';
import { openOnnxPolicy, type OnnxPolicy } from '../onnx/policy.ts';
import type { ParsedAnswer } from '../policy.ts';
import { opening } from './conversation.ts';

interface Game {
  messages: ChatMessage[];
  tools?: ToolDefinition[];
  maxTokens: number;
  /** Answers the assistant, or ends the game. */
  reply(answer: ParsedAnswer): ChatMessage | Ending;
}

/** Form: an answer of the right kind, whatever its worth. */
interface Ending {
  form: boolean;
  success: boolean;
}

interface Played extends Ending {
  tokens: number;
}

const wrongForm: Ending = { form: false, success: false };

const games: Record<string, { tasks: number; play(index: number): Game }> = {
  'math-agent': jsonl('math-agent', (row) => {
    let called = false;
    return {
      messages: opening(math.systemPrompt, math.userMessage(row.main_query)),
      tools: [{ type: 'function', function: math.calculatorTool as unknown as ToolDefinition['function'] }],
      maxTokens: 48,
      reply({ content, toolCalls: [call] }) {
        if (!call) {
          const boxed = /^\\boxed\{(.+)\}$/.exec(content)?.[1];
          return { form: called && boxed !== undefined, success: called && boxed === String(row.metadata.answer).split('#### ')[1] };
        }
        if (called) return wrongForm;
        called = true;
        try {
          const { expression } = JSON.parse(call.arguments) as { expression: string };
          return { role: 'tool', tool_call_id: 'call_1', content: calculate(expression) };
        } catch {
          return wrongForm;
        }
      },
    };
  }),

  countdown: jsonl('countdown', (row) => {
    const { numbers, target } = row.metadata as { numbers: number[]; target: number };
    return {
      messages: opening(countdown.systemPrompt, countdown.userMessage(numbers, target)),
      maxTokens: 128,
      reply({ content }) {
        const boxed = /\\boxed\{(.+)\}$/.exec(content)?.[1] ?? '';
        const used = (boxed.match(/\d+/g) ?? []).map(Number).sort((a, b) => b - a);
        if (used.join() !== numbers.join()) return wrongForm;
        try {
          return { form: true, success: calculate(boxed) === String(target) };
        } catch {
          return wrongForm;
        }
      },
    };
  }),

  frozenlake: {
    tasks: 1000,
    play(index) {
      const lake = new FrozenLake(1_000_000 + index);
      let form = true;
      return {
        messages: opening(frozenlake.systemPrompt, frozenlake.userMessage(lake.reset())),
        maxTokens: 8,
        reply({ content }) {
          const move = frozenlake.parseMove(content);
          form &&= move !== undefined;
          const { observation, reward, done } = lake.step(move);
          return done ? { form, success: reward === 1 } : { role: 'user', content: frozenlake.userMessage(observation) };
        },
      };
    },
  },
};

function jsonl(example: string, game: (row: Row) => Game): { tasks: number; play(index: number): Game } {
  const file = new URL(`../../../examples/${example}/data/validation.jsonl`, import.meta.url);
  const rows = readFileSync(file, 'utf8').trimEnd().split('\n').map((line) => JSON.parse(line) as Row);
  return { tasks: rows.length, play: (index) => game(rows[index]!) };
}

async function play(policy: OnnxPolicy, { messages, tools, maxTokens, reply }: Game, temperature: number, key: bigint): Promise<Played> {
  const { format, tokenizer } = policy;
  let ids = tokenizer.encode(format.render(messages, tools, true));
  for (let turn = 0n; ; turn++) {
    const sampled = await policy.sample({
      prompt: ids, sampling: { temperature, topP: 1, topK: 0, maxTokens }, stopIds: format.stopIds, key: (key << 8n) + turn,
    });
    ids = [...ids, ...sampled.ids];
    if (sampled.finish === 'length') return { ...wrongForm, tokens: ids.length };
    const answer = format.parse(tokenizer.decode(sampled.ids.slice(0, -1)), tools);
    const next = reply(answer);
    if (!('role' in next)) return { ...next, tokens: ids.length };
    const rendered = format.render([next], undefined, true);
    ids = [...ids, ...tokenizer.encode(`\n${rendered}`)];
  }
}

/** Plays every task at once; the policy batches. */
async function share(policy: OnnxPolicy, name: string, tasks: number, repeats: number, temperature: number): Promise<Played[][]> {
  const { play: start } = games[name]!;
  return Promise.all(Array.from({ length: tasks }, (_, index) => Promise.all(Array.from({ length: repeats }, (_, repeat) =>
    play(policy, start(index), temperature, BigInt(index * 1000 + repeat))))));
}

function percent(values: readonly boolean[]): string {
  return `${((100 * values.filter(Boolean).length) / values.length).toFixed(1)} %`;
}

if (import.meta.main) {
  const directory = process.argv[2] ?? fileURLToPath(new URL('../embedded', import.meta.url));
  const most = Number(process.argv[3] ?? 600);
  const policy = await openOnnxPolicy(directory);
  console.log('| task | tasks | form, greedy | success, greedy | form, sampled | success, sampled | success in 16 | tokens, mean | longest |');
  console.log('|---|---|---|---|---|---|---|---|---|');
  for (const [name, { tasks }] of Object.entries(games)) {
    const count = Math.min(tasks, most);
    const greedy = (await share(policy, name, count, 1, 0)).flat();
    const groups = await share(policy, name, count, 16, 1);
    const sampled = groups.flat();
    const tokens = sampled.map((one) => one.tokens);
    console.log(`| ${[
      name, count, percent(greedy.map((one) => one.form)), percent(greedy.map((one) => one.success)),
      percent(sampled.map((one) => one.form)), percent(sampled.map((one) => one.success)),
      percent(groups.map((group) => group.some((one) => one.success))),
      Math.round(tokens.reduce((sum, each) => sum + each, 0) / tokens.length), Math.max(...tokens),
    ].join(' | ')} |`);
  }
  await policy.close();
}
