import assert from 'node:assert/strict';
import { globSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { fileURLToPath } from 'node:url';
import { parse } from '@babel/parser';
import { allKeyPaths, schemaAt } from '../../../runtime/config/schema.ts';
import { loadConfig, parseConfig } from '../../../runtime/config/load.ts';
import { errorInfo, type ErrorInfo } from '../../../runtime/protocol/errors.ts';
import { languageOf, localize, localizeError } from '../../../runtime/protocol/localize.ts';

const root = fileURLToPath(new URL('../../../runtime', import.meta.url));
const read = (file: string): Record<string, string> => JSON.parse(readFileSync(join(root, file), 'utf8')) as Record<string, string>;
const chinese = { ...read('protocol/errors.zh-cn.json'), ...read('protocol/config.zh-cn.json') };
const page = read('view/report-page.zh-cn.json');

interface SyntaxNode {
  type: string;
  [key: string]: unknown;
}

/** Texts as they are written, with `{0}`, `{1}` where something is put in. */
function textsOf(source: string): string[] {
  const texts: string[] = [];
  const walk = (node: unknown): void => {
    if (Array.isArray(node)) return node.forEach(walk);
    if (typeof node !== 'object' || node === null) return;
    const { type, ...inside } = node as SyntaxNode;
    if (type === 'StringLiteral') texts.push(inside.value as string);
    if (type === 'TemplateLiteral') texts.push(templateOf(inside as unknown as Template));
    for (const [key, child] of Object.entries(inside)) if (typeof child === 'object' && !/^(loc|.*Comments|extra)$/.test(key)) walk(child);
  };
  walk(parse(source, { sourceType: 'module', plugins: ['typescript'] }).program);
  return texts;
}

interface Template {
  quasis: { value: { cooked: string } }[];
  expressions: unknown[];
}

function templateOf({ quasis, expressions }: Template): string {
  return quasis.map(({ value }, i) => value.cooked + (i < expressions.length ? `{${i}}` : '')).join('');
}

const sources = globSync('**/*.ts', { cwd: root, exclude: ['**/templates/**'] }).map((file) => ({ file, room: file.split(/[\\/]/)[0]!, texts: textsOf(readFileSync(join(root, file), 'utf8')) }));

test('every sentence that has Chinese is written somewhere', () => {
  const written = new Set(sources.flatMap(({ texts }) => texts));
  assert.deepEqual(Object.keys(chinese).filter((text) => !written.has(text)), []);
  const ofPage = new Set(sources.find(({ file }) => file.endsWith('report-page.ts'))!.texts);
  assert.deepEqual(Object.keys(page).filter((text) => !ofPage.has(text)), []);
});

test('what somebody meets who writes a configuration, tasks, a workflow or a judge has its Chinese', () => {
  const sentences = sources.filter(({ file, room }) => ['config', 'tasks', 'worker'].includes(room) && !file.endsWith('json-schema.ts')).flatMap(({ texts }) => texts).filter((text) => /^[A-Z`{].* .*[.?]$/.test(text));
  assert.ok(sentences.length > 40, `only ${sentences.length} were found`);
  assert.deepEqual([...new Set(sentences)].filter((text) => !Object.hasOwn(chinese, text)), []);
});

test('every key of a configuration is explained in Chinese', () => {
  const texts = allKeyPaths().map((path) => schemaAt(path.split('.'))?.description).filter((text) => text !== undefined);
  assert.ok(texts.length > 100);
  assert.deepEqual([...new Set(texts)].filter((text) => localize(text, 'zh-cn') === text), ['AdamW.']);
});

test('what is filled in stands in both, and the punctuation is Chinese', () => {
  for (const [english, text] of Object.entries({ ...chinese, ...page })) {
    const places = (each: string): string[] => [...new Set(each.match(/\{\d\}/g))].sort();
    for (const place of places(text)) assert.ok(places(english).includes(place), `${place} in ${text}`);
    assert.doesNotMatch(text, /\p{Script=Han}[,;:?!]|\p{Script=Han}\.$/u, text);
  }
});

const said = (problems: readonly ErrorInfo[]): string[] => problems.map((info) => localizeError(info, 'zh-cn')).map(({ message, next }) => [message, next].filter(Boolean).join(' '));

test('mistakes of a configuration, one by one and all together', () => {
  const mistakesOf = (text: string): { error: ErrorInfo; errors: readonly ErrorInfo[] } => {
    try {
      parseConfig(text, '/p/tuning-fork.yaml', {}, { env: {}, cwd: '/p' });
    } catch (error) {
      return { error: errorInfo(error), errors: (error as { errors: ErrorInfo[] }).errors };
    }
    throw new Error('It is right.');
  };
  const { error, errors } = mistakesOf('tuning_fork:\n  rollout:\n    user_workflow: workflow.ts->Agent\n    num_repeat: 0\n    temprature: 1\n    n_vllm_engine: x\n  task_reader:\n    type: nothing\n');
  const each = said(errors);
  for (const text of each) assert.match(text, /\p{Script=Han}/u);
  assert.ok(each.some((text) => text.includes('`rollout` 里没有键 `temprature`。 是不是 `temperature`？')), each.join('\n'));
  assert.ok(each.some((text) => text.includes('`rollout.num_repeat` 不得小于 1，现在是 0。')), each.join('\n'));
  const [head, ...list] = localize(error.message, 'zh-cn').split('\n');
  assert.equal(head, `配置有 ${errors.length} 处错误：`);
  assert.ok(list.some((line) => line === '    → 是不是 `temperature`？'), list.join('\n'));
  assert.ok(list.every((line) => /\p{Script=Han}/u.test(line)), list.join('\n'));
});

test('a file that is not there, and rows that are none', async () => {
  const missing = await loadConfig('/nowhere/tuning-fork.yaml').then(() => undefined, errorInfo);
  assert.match(said([missing!])[0]!, /\p{Script=Han}/u);
  const rows = localize('This file holds no task: all of its 2 rows are bad. The first: Bad row: `task_id` must be text or a number, but is a list.', 'zh-cn');
  assert.equal(rows, '文件里没有任务：全部 2 行都有问题。第一行：行有问题：`task_id` 必须是文本或数字，现在是列表。');
});

test('a place on the command line is told in both languages', () => {
  const mistake = { code: 'config', message: 'This configuration is empty.', where: { file: 'the command line', key: 'rollout.seed' } } as const;
  assert.deepEqual(localizeError<ErrorInfo>(mistake, 'zh-cn').where, { file: '命令行', key: 'rollout.seed' });
  assert.deepEqual(localizeError<ErrorInfo>(mistake, 'en'), mistake);
});

test('what a person wrote is put in as it is; what has no translation, and English, stay as they are', () => {
  assert.equal(localize('The workflow threw TypeError: text', 'zh-cn'), '工作流抛出 TypeError：text');
  assert.equal(localize('Error: socket hang up', 'zh-cn'), 'Error: socket hang up');
  assert.equal(localize('There is no model "x".', 'en'), 'There is no model "x".');
});

test('whatever is put in, however long it is, is put in at once', () => {
  for (const said of ['one\r', 'one\r\ntwo', 'one\u2028two', '']) {
    assert.equal(localize(said, 'zh-cn'), said);
    assert.equal(localize(`The workflow threw TypeError: ${said}`, 'zh-cn'), `工作流抛出 TypeError：${said}`);
  }
  for (const part of ['Cannot a : ', 'a gave the logprob for token of (id ']) assert.equal(localize(part.repeat(20_000), 'zh-cn'), part.repeat(20_000));
  assert.ok(localize('`a` must be b, but is '.repeat(20_000), 'zh-cn').endsWith('`a` must be b, but is '));
});

test('the language of an environment; of the system where there is none, as on Windows', () => {
  const chinese = (): string => 'zh-CN';
  assert.equal(languageOf({ LANG: 'zh_CN.UTF-8' }), 'zh-cn');
  assert.equal(languageOf({ TUNING_FORK_LANG: 'en', LANG: 'zh_CN.UTF-8' }), 'en');
  assert.equal(languageOf({}, chinese), 'zh-cn');
  assert.equal(languageOf({ LC_ALL: 'C' }, chinese), 'en');
});
