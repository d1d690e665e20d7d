/** `model: tuner.as…()` compiles without a cast: with the framework's own types where this package is installed, and where it is only linked. */
import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { cpSync, mkdirSync, mkdtempSync, readdirSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { after, test } from 'node:test';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';

const root = fileURLToPath(new URL('../../', import.meta.url));
const installed = join(root, 'examples/frameworks/node_modules');
const made = mkdtempSync(join(tmpdir(), 'tf-types-'));
after(() => rmSync(made, { recursive: true, force: true }));

const CODE = `
import { Agent as OpenAIAgent } from '@openai/agents';
import { generateText, ToolLoopAgent, wrapLanguageModel } from 'ai';
import { Agent as StrandsAgent } from '@strands-agents/sdk';
import { createAgent } from 'langchain';
import { createReactAgent } from '@langchain/langgraph/prebuilt';
import { Agent as MastraAgent } from '@mastra/core/agent';
import OpenAI from 'openai';
import type { ModelTuner } from 'tuning-fork';

export async function models(tuner: ModelTuner): Promise<unknown[]> {
  const critic = tuner.getModel('critic');
  await generateText({ model: tuner.asAISDK(), prompt: 'hi' });
  return [
    new OpenAIAgent({ name: 'a', model: tuner.asOpenAIAgents() }), new OpenAIAgent({ name: 'b', model: critic.asOpenAIAgents() }),
    new ToolLoopAgent({ model: critic.asAISDK() }), wrapLanguageModel({ model: critic.asAISDK(), middleware: [] }),
    new StrandsAgent({ model: tuner.asStrands() }),
    createAgent({ model: tuner.asLangChain(), tools: [] }), createReactAgent({ llm: critic.asLangChain(), tools: [] }),
    new MastraAgent({ id: 'a', name: 'a', instructions: '', model: tuner.asMastra() }),
    new OpenAI({ baseURL: tuner.baseURL, apiKey: tuner.apiKey, fetch: tuner.fetch }), tuner.asOpenAI(),
  ];
}
`;

const MISTAKES = `
export function mistakes(tuner: ModelTuner): unknown[] {
  // @ts-expect-error: a model of another framework
  new StrandsAgent({ model: tuner.asLangChain() });
  // @ts-expect-error: a model is no number
  const agents: number = tuner.asOpenAIAgents();
  // @ts-expect-error: a model is no number
  const ai: number = tuner.asAISDK();
  // @ts-expect-error: a model is no number
  const strands: number = tuner.asStrands();
  // @ts-expect-error: a model is no number
  const langChain: number = tuner.asLangChain();
  return [agents, ai, strands, langChain];
}
`;

/** A project that has the frameworks, and this package as \`place\` puts it there. */
function project(name: string, code: string, place: (at: string) => void): string {
  const dir = join(made, name);
  const modules = join(dir, 'node_modules');
  mkdirSync(modules, { recursive: true });
  for (const entry of readdirSync(installed)) if (!entry.startsWith('.') && entry !== 'ready.json') symlinkSync(join(installed, entry), join(modules, entry), 'junction');
  place(join(modules, 'tuning-fork'));
  writeFileSync(join(dir, 'package.json'), '{ "type": "module" }');
  writeFileSync(join(dir, 'models.ts'), code);
  writeFileSync(join(dir, 'tsconfig.json'), JSON.stringify({
    compilerOptions: { target: 'es2024', module: 'nodenext', strict: true, noEmit: true, skipLibCheck: true, allowImportingTsExtensions: true, types: ['node'], typeRoots: [join(root, 'node_modules/@types')], exactOptionalPropertyTypes: true },
    include: ['models.ts'],
  }));
  return dir;
}

async function compile(dir: string): Promise<string> {
  const tsc = fileURLToPath(new URL('bin/tsc', import.meta.resolve('typescript/package.json')));
  const { stdout } = await promisify(execFile)(process.execPath, [tsc, '-p', dir]).catch((error: { stdout: string }) => error);
  return stdout;
}

test('installed: with the types of the frameworks, and mistakes are found', async () => {
  assert.equal(await compile(project('installed', CODE + MISTAKES, (at) => {
    for (const path of ['package.json', 'runtime/sdk', 'runtime/protocol']) {
      mkdirSync(dirname(join(at, path)), { recursive: true });
      cpSync(join(root, path), join(at, path), { recursive: true });
    }
  })), '');
});

test('linked: it compiles', async () => {
  assert.equal(await compile(project('linked', CODE, (at) => symlinkSync(root, at, 'junction'))), '');
});
