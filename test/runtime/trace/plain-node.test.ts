import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { existsSync } from 'node:fs';
import { builtinModules } from 'node:module';
import { delimiter, join } from 'node:path';
import { test } from 'node:test';
import { build } from 'esbuild';
import { createRun } from '../../../runtime/trace/writer.ts';
import { folder, newRun, rollout } from './samples.ts';

const WRITING = ['appender', 'encode', 'float32', 'group-commit', 'journal', 'redact', 'run-file', 'sealer', 'writer'];

function node20(): string | undefined {
  const candidates = (process.env['PATH'] ?? '').split(delimiter).map((dir) => join(dir, 'node'));
  return candidates.find((path) => existsSync(path) && execFileSync(path, ['--version']).toString().startsWith('v20.'));
}

test('reading needs node built-ins and the protocol only, no writer, and runs bundled in a plain Node 20', async (context) => {
  const root = await folder(context);
  const outfile = join(root, 'trace.cjs');
  const { metafile } = await build({
    entryPoints: [join(import.meta.dirname, '../../../runtime/trace/index.ts')], outfile, bundle: true, platform: 'node', format: 'cjs', target: 'node20', metafile: true,
  });
  for (const [name, { imports }] of Object.entries(metafile.inputs)) {
    assert.match(name, /runtime\/(trace|protocol)\/[\w-]+\.ts$/);
    assert.ok(!WRITING.some((file) => name.endsWith(`/${file}.ts`)), `${name} is for writing`);
    for (const { path, external } of imports) assert.ok(!external || builtinModules.includes(path.replace('node:', '')), path);
  }

  const old = node20();
  if (old === undefined) return context.diagnostic('no Node 20 on this machine: bundled, not run');
  const writer = await createRun(root, newRun());
  await writer.seal(rollout(0));
  await writer.close();
  const program = `const { openRunReader, listRuns, promptIds } = require(${JSON.stringify(outfile)});
    openRunReader(${JSON.stringify(writer.dir)}).then(async (reader) => {
      const record = await reader.read('s0t0n0');
      const { runs } = await listRuns(${JSON.stringify(root)});
      console.log(JSON.stringify([reader.count, record.rollout, promptIds(record, 1).length, runs.length, await reader.inFlight()]));
    });`;
  assert.deepEqual(JSON.parse(execFileSync(old, ['-e', program]).toString()), [1, 's0t0n0', 144, 1, []]);
});
