import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, test } from 'node:test';
import { fileURLToPath } from 'node:url';
import { contractProblems } from '../../extension/language/contracts.ts';
import { parseConfig } from '../../runtime/config/load.ts';

const root = fileURLToPath(new URL('../..', import.meta.url));
const dir = mkdtempSync(join(tmpdir(), 'tf-snippets-'));
after(() => rmSync(dir, { recursive: true, force: true }));

interface Snippet {
  prefix: string[];
  body: string[];
  description: string;
}

const { contributes } = JSON.parse(readFileSync(join(root, 'package.json'), 'utf8')) as { contributes: { snippets: { language: string; path: string }[] } };
const snippets = (language: string): [name: string, snippet: Snippet][] =>
  Object.entries(JSON.parse(readFileSync(join(root, contributes.snippets.find((one) => one.language === language)!.path), 'utf8')) as Record<string, Snippet>);

/** As an editor expands it when every proposal is accepted. */
function expand({ body }: Snippet): string {
  const proposed = new Map<string, string>();
  const text = body.join('\n')
    .replace(/(?<!\\)\$\{(\d+)\|([^|]*)\|\}/g, (_, stop: string, words: string) => {
      proposed.set(stop, words.split(',')[0]!);
      return words.split(',')[0]!;
    })
    .replace(/(?<!\\)\$\{(\d+):((?:\\.|[^}\\])*)\}/g, (_, stop: string, word: string) => {
      proposed.set(stop, word);
      return word;
    });
  return text.replace(/(?<!\\)\$(\d+)/g, (_, stop: string) => proposed.get(stop) ?? (stop === '0' ? '' : assert.fail(`$${stop} has no proposal`))).replace(/\\([$}\\])/g, '$1').replaceAll('\t', '  ');
}

test('each TypeScript snippet type-checks with what it proposes, and breaks no contract', async () => {
  mkdirSync(join(dir, 'node_modules'));
  symlinkSync(root, join(dir, 'node_modules/tuning-fork'), 'junction');
  const written = snippets('typescript').map(([name, snippet], i) => {
    const text = expand(snippet);
    assert.deepEqual(contractProblems(text, 'a.ts', { t: (message) => message }), [], name);
    writeFileSync(join(dir, `${i}.ts`), text);
    return name;
  });
  assert.deepEqual(written, ['Workflow', 'Workflow with Several Agents', 'Judge', 'Environment', 'Tool']);
  const compilerOptions = { target: 'es2024', module: 'nodenext', strict: true, noEmit: true, noImplicitOverride: true, noUnusedLocals: true, allowImportingTsExtensions: true, erasableSyntaxOnly: true, verbatimModuleSyntax: true, skipLibCheck: true };
  writeFileSync(join(dir, 'package.json'), '{"type":"module"}');
  writeFileSync(join(dir, 'tsconfig.json'), JSON.stringify({ compilerOptions, include: ['*.ts'] }));
  const told = await new Promise<string>((resolve) => { execFile(process.execPath, [join(root, 'node_modules/typescript/bin/tsc'), '-p', dir, '--pretty', 'false'], (_, stdout) => resolve(stdout)); });
  assert.equal(told, '');
});

test('each YAML snippet is part of a configuration without a mistake', () => {
  for (const [name, snippet] of snippets('yaml')) {
    const text = expand(snippet);
    const whole = text.startsWith('tuning_fork:') ? text : `tuning_fork:\n  rollout:\n    user_workflow: a.ts->A\n${text.replace(/^/gm, '  ')}`;
    assert.deepEqual(parseConfig(whole, join(dir, 'a.yaml'), {}, { env: {}, cwd: dir }).warnings, [], name);
  }
});

test('prefixes are distinct and descriptions are there', () => {
  for (const { language, path } of contributes.snippets) {
    assert.ok(existsSync(join(root, path)), path);
    if (!/snippets\/(?:typescript|yaml)\.json$/.test(path)) continue;
    const all = snippets(language);
    assert.equal(new Set(all.flatMap(([, { prefix }]) => prefix)).size, all.flatMap(([, { prefix }]) => prefix).length);
    for (const [name, { description }] of all) assert.ok(description.startsWith('Tuning Fork: '), name);
  }
});
