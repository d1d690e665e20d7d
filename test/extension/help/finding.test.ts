import assert from 'node:assert/strict';
import { test } from 'node:test';
import { asPage, asText, type Section } from '../../../extension/help/finding.ts';

const sections: Section[] = [{
  title: 'Workspace',
  findings: [
    { title: '<b>a.yaml</b>', verdict: 'failed', message: 'There is no key "modl".', next: 'Did you mean "model"?', fixes: [{ title: 'Show', command: 'vscode.open', args: ['/home/me/"a".yaml'] }] },
    { title: 'Node', verdict: 'ok', message: '/home/me/.nvm/node' },
  ],
}];
const words = { language: 'zh-cn', title: 'Doctor', verdicts: { ok: 'well', warning: 'warning', failed: 'wrong', told: 'note' }, actions: [{ title: 'Again', command: 'tuningFork.doctor' }] };

test('the page shows texts as texts, and its buttons are commands', () => {
  const page = asPage(sections, words);
  assert.ok(!page.includes('<b>a.yaml'));
  assert.match(page, /default-src 'none'/);
  assert.ok(!/<script/.test(page));
  const [, href] = /href="(command:vscode\.open[^"]*)"/.exec(page)!;
  assert.deepEqual(JSON.parse(decodeURIComponent(href!.split('?')[1]!)), ['/home/me/"a".yaml']);
  assert.match(page, /aria-label="wrong">✗/, 'a verdict is not told by colour alone');
});

test('what is copied names no home folder', () => {
  const text = asText(sections, '/home/me');
  assert.match(text, /✗ <b>a\.yaml<\/b>: There is no key "modl"\.\n {2}→ Did you mean "model"\?/);
  assert.match(text, /✓ Node: ~\/\.nvm\/node/);
  assert.ok(!text.includes('/home/me'));
  const onWindows: Section[] = [{ title: 'Node', findings: ['c:\\Users\\me\\a.exe', 'C:\\Users\\me\\b.exe'].map((message) => ({ title: 'Node', verdict: 'ok', message })) }];
  assert.doesNotMatch(asText(onWindows, 'C:\\Users\\me', 'win32'), /Users/);
});
