/** Packages of a project, found from its files. Those here are made up. */
import assert from 'node:assert/strict';
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { after, test } from 'node:test';
import { pathToFileURL } from 'node:url';
import { ModelTuner, TuningForkError } from '../../../runtime/sdk/index.ts';

const root = mkdtempSync(join(tmpdir(), 'tf-installed-'));
after(() => rmSync(root, { recursive: true, force: true }));
let projects = 0;

/** A project with these files under node_modules; the tuner of its workflow. */
function project(files: Record<string, string | object>): { tuner: ModelTuner; dir: string } {
  const dir = join(root, String(projects++));
  for (const [name, content] of Object.entries(files)) {
    const path = join(dir, 'node_modules', name);
    mkdirSync(dirname(path), { recursive: true });
    writeFileSync(path, typeof content === 'string' ? content : JSON.stringify(content));
  }
  mkdirSync(dir, { recursive: true });
  const file = join(dir, 'workflow.ts');
  const tuner = new ModelTuner({ baseURL: () => 'http://127.0.0.1:1/v1', apiKey: 'k', isTarget: () => true, register: () => {}, signal: new AbortController().signal, config: {}, file });
  return { tuner, dir };
}

function refusal(make: () => unknown): TuningForkError {
  try {
    make();
  } catch (error) {
    assert.ok(error instanceof TuningForkError, String(error));
    assert.equal(error.where?.file, import.meta.filename, 'names the line of the workflow');
    return error;
  }
  return assert.fail('nothing was thrown');
}

const langChain = (version: string): object => ({ name: '@langchain/openai', version, type: 'module', exports: { '.': { import: './index.js', require: './index.cjs' } } });

test('what is not installed is named, with the command that installs it', () => {
  const { tuner, dir } = project({});
  const helpers = { '@openai/agents': () => tuner.asOpenAIAgents(), '@ai-sdk/openai-compatible': () => tuner.asAISDK(), '@strands-agents/sdk': () => tuner.asStrands(), '@langchain/openai': () => tuner.asLangChain() };
  for (const [name, make] of Object.entries(helpers)) {
    const { message, next } = refusal(make);
    assert.match(message, new RegExp(`needs the package ${name}, which is not installed here`));
    assert.ok(next!.startsWith('Run "npm install ') && next!.includes(name) && next!.endsWith(`" in ${dir}.`), next);
  }
});

test('a major that was never tried is refused, and told which are', () => {
  const { tuner } = project({ '@langchain/openai/package.json': langChain('99.1.0'), '@langchain/openai/index.js': 'throw new Error("loaded")' });
  assert.equal(refusal(() => tuner.getModel('solver').asLangChain()).message, '@langchain/openai 99.1.0 is installed here, and asLangChain() is supported with 0.6.x, 1.x.');
});

test('the models of a newer AI SDK are refused beside an older one', () => {
  const files = {
    'ai/package.json': { name: 'ai', version: '6.0.326', type: 'module', exports: './index.js' }, 'ai/index.js': '',
    '@ai-sdk/openai-compatible/index.js': 'export const createOpenAICompatible = () => ({ chatModel: (name) => ({ name }) });',
  };
  const compatible = (version: string): object => ({ name: '@ai-sdk/openai-compatible', version, type: 'module', exports: './index.js' });
  const newer = project({ ...files, '@ai-sdk/openai-compatible/package.json': compatible('3.0.92') });
  const { message, next } = refusal(() => newer.tuner.asAISDK());
  assert.equal(message, '@ai-sdk/openai-compatible 3.0.92 is installed here, and asAISDK() beside ai 6 is supported with 1.x, 2.x.');
  assert.ok(next!.startsWith('Run "npm install @ai-sdk/openai-compatible@2" in '), next);
  assert.ok(project({ ...files, '@ai-sdk/openai-compatible/package.json': compatible('2.0.87') }).tuner.asAISDK());
});

test('a package that lacks one of its own is told so', () => {
  const { tuner } = project({ '@langchain/openai/package.json': langChain('1.0.0'), '@langchain/openai/index.js': 'import "@langchain/core/messages";' });
  assert.equal(refusal(() => tuner.asLangChain()).message, '@langchain/openai needs the package @langchain/core, which is not installed here.');
});

test('a package with other exports is told so', () => {
  const { tuner } = project({ '@langchain/openai/package.json': langChain('1.7.0'), '@langchain/openai/index.js': 'export const nothing = 1;' });
  assert.equal(refusal(() => tuner.asLangChain()).message, '@langchain/openai 1.7.0 has no ChatOpenAI.');
});

test('the class is the one that the project itself imports', async () => {
  const { tuner, dir } = project({
    '@langchain/openai/package.json': langChain('1.0.0'),
    '@langchain/openai/index.js': 'export class ChatOpenAI { constructor(options) { this.options = options; } }',
    '@langchain/openai/index.cjs': 'exports.ChatOpenAI = class Other {};',
  });
  const { ChatOpenAI } = (await import(pathToFileURL(join(dir, 'node_modules/@langchain/openai/index.js')).href)) as { ChatOpenAI: new () => object };
  const model = tuner.asLangChain() as unknown as { options: { model: string; apiKey: string; configuration: { baseURL: string } } };
  assert.ok(model instanceof ChatOpenAI);
  assert.deepEqual([model.options.model, model.options.apiKey, model.options.configuration.baseURL], ['tuning-fork', 'k', 'http://127.0.0.1:1/v1']);
});

test('Mastra needs nothing installed', () => {
  assert.deepEqual(project({}).tuner.asMastra(), { id: 'tuning-fork/tuning-fork', url: 'http://127.0.0.1:1/v1', apiKey: 'k', headers: {} });
});

test('a model object of this process has no address, so no framework can call it', () => {
  const tuner = new ModelTuner({ baseURL: () => '', apiKey: '', isTarget: () => false, register: () => {}, signal: new AbortController().signal, config: {} });
  const model = tuner.registerModel('critic', { defaultModel: () => 'fine' });
  assert.throws(() => model.asMastra(), /The role "critic" is played by a model object of this process, which has no address/);
});
