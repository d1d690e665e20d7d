import assert from 'node:assert/strict';
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { fileURLToPath } from 'node:url';

const root = fileURLToPath(new URL('../../', import.meta.url));

/** What is typed has a terminal of its own, and its children share it. There is no `ps` on Windows. */
const FREE = ['runtime/view/processes.ts', 'runtime/cli/bin.mjs', 'runtime/cli/setup.mjs', 'runtime/cli/picture.ts', 'runtime/cli/commands/export-policy.ts', 'runtime/sdk/tune.ts'];

test('whatever the editor or the backbone starts shows no window on Windows', () => {
  const files = ['runtime', 'extension'].flatMap((room) => readdirSync(join(root, room), { recursive: true, encoding: 'utf8' }).map((name) => `${room}/${name.replaceAll('\\', '/')}`))
    .filter((name) => /\.(ts|mjs)$/.test(name) && !name.includes('node_modules') && !FREE.includes(name) && !name.startsWith('extension/packaging/'));
  const starting = files.filter((name) => /^import \{(?! type )[^}]*\} from 'node:child_process'/m.test(readFileSync(join(root, name), 'utf8')));
  assert.ok(starting.length > 8);
  assert.deepEqual(starting.filter((name) => !readFileSync(join(root, name), 'utf8').includes('windowsHide: true')), []);
});
