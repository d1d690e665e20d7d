import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { test } from 'node:test';

const entry = new URL('../../../runtime/sdk/index.ts', import.meta.url).href;

/** Which of the packages that take long to load a program loads. */
function packagesLoaded(program: string): string[] {
  const watched = `
    import { registerHooks } from 'node:module';
    const seen = new Set();
    registerHooks({ load(url, context, next) { seen.add(/node_modules[/\\\\]([^/\\\\]+)/.exec(url)?.[1]); return next(url, context); } });
    const sdk = await import(${JSON.stringify(entry)});
    ${program}
    console.log(JSON.stringify([...seen].filter(Boolean)));`;
  return JSON.parse(execFileSync(process.execPath, ['--input-type=module', '-e', watched], { encoding: 'utf8' }));
}

test('zod and openai are loaded when they are needed, not before', () => {
  assert.deepEqual(packagesLoaded('new sdk.Toolkit([sdk.runCode()]); sdk.z;'), []);
  assert.deepEqual(packagesLoaded('sdk.z.object({}).parse({})'), ['zod']);
  const tuner = `new sdk.ModelTuner({ baseURL: () => 'http://127.0.0.1:1/v1', apiKey: 'k', isTarget: () => true, register() {}, signal: new AbortController().signal, config: {} })`;
  assert.deepEqual(packagesLoaded(`${tuner}.asOpenAI()`), ['openai']);
});

test("what a project imports itself is the same zod and openai", () => {
  assert.equal(execFileSync(process.execPath, ['--input-type=module', '-e', `
    const { z } = await import(${JSON.stringify(entry)});
    const own = await import(${JSON.stringify(import.meta.resolve('zod'))});
    console.log(z.string === own.z.string, z.string() instanceof own.ZodString);`], { encoding: 'utf8' }), 'true true\n');
});
