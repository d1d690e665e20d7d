/**
 * Sentences in another language, by the English ones they were made from. Errors are written, sent and stored in English; whoever
 * shows one to a person translates it. What has no translation stays as it is.
 */
import { readFileSync } from 'node:fs';
import { COMMAND_LINE, type ErrorInfo } from './errors.ts';

export type Language = 'en' | 'zh-cn';

/** Of whoever has this environment. The first that says anything decides, as in POSIX; Windows has none of them, and there the system is asked. */
export function languageOf({ TUNING_FORK_LANG, LC_ALL, LC_MESSAGES, LANG }: Readonly<Record<string, string | undefined>>, ofSystem = process.platform === 'win32' ? ofWindows : () => ''): Language {
  const asked = TUNING_FORK_LANG || LC_ALL || LC_MESSAGES || LANG || ofSystem();
  return asked.toLowerCase().startsWith('zh') ? 'zh-cn' : 'en';
}

function ofWindows(): string {
  return new Intl.DateTimeFormat().resolvedOptions().locale;
}

export type Localize = (text: string, language: Language) => string;

/** As editors and pages call it. */
export function languageOfTag(tag: string): Language {
  return tag.toLowerCase() === 'zh-cn' ? 'zh-cn' : 'en';
}

interface Sentence {
  /** What stands before, between and behind the places. */
  parts: string[];
  /** Places of the captured values in the English sentence. */
  numbers: string[];
  chinese: string;
  /** The more is fixed in it, the less it fits by chance; its end above all. */
  fixed: number;
}

const PLACE = /\{(\d+)\}/g;
/** `{1}` is put in as it is; `{{1}}` is a phrase of ours, translated too. */
const CHINESE_PLACE = /\{\{(\d+)\}\}|\{(\d+)\}/g;
/** Of phrases in phrases: ours go a few deep, what others say may repeat itself without an end. */
const DEEPEST = 8;

/** What errors say, those of the GPU runtime's process too, and what the keys of a configuration mean. */
export const localize = localizeBy(...['errors', 'config', 'gpu'].map((name) => new URL(`./${name}.zh-cn.json`, import.meta.url)));

export function localizeError<T extends ErrorInfo>(info: T, language: Language): T {
  if (language === 'en') return info;
  return {
    ...info, message: localize(info.message, language), ...(info.where?.file === COMMAND_LINE && { where: { ...info.where, file: localize(COMMAND_LINE, language) } }),
    ...(info.next !== undefined && { next: localize(info.next, language) }),
  };
}

/** `files`: English sentences, `{0}` where something is put in, each with its Chinese. */
export function localizeBy(...files: URL[]): Localize {
  let sentences: Sentence[] | undefined;

  function chineseOf(text: string, depth: number): string | undefined {
    if (depth > DEEPEST) return undefined;
    sentences ??= read(files);
    for (const { parts, numbers, chinese } of sentences) {
      const values = valuesIn(text, parts);
      if (values === undefined) continue;
      const valueOf = (number: string): string => values[numbers.indexOf(number)] ?? '';
      return chinese.replace(CHINESE_PLACE, (_, phrase: string | undefined, plain: string | undefined) => (phrase === undefined ? valueOf(plain!) : wholeOrLines(valueOf(phrase), depth + 1)));
    }
    return undefined;
  }

  function wholeOrLines(text: string, depth: number): string {
    return chineseOf(text, depth) ?? text.split('\n').map((line) => lineOf(line, depth)).join('\n');
  }

  /** It may begin with a place, or with the arrow of a next step. */
  function lineOf(line: string, depth: number): string {
    const [, head = '', sentence = ''] = /^(\s*(?:→ |\S.{0,4096}?:\d+(?::\d+)?: )?)(.*)$/s.exec(line)!;
    return head + (chineseOf(sentence, depth) ?? sentence);
  }

  return (text, language) => (language === 'en' ? text : wholeOrLines(text, 0));
}

/** Each as short as it can be but the last. Every part is looked for once: what is put in may come from a model, and be as long as it likes. */
function valuesIn(text: string, [first = '', ...others]: readonly string[]): string[] | undefined {
  const last = others.pop();
  if (last === undefined) return text === first ? [] : undefined;
  const end = text.length - last.length;
  if (!text.startsWith(first) || !text.endsWith(last)) return undefined;
  const values: string[] = [];
  let at = first.length;
  for (const part of others) {
    const next = text.indexOf(part, at);
    if (next === -1) return undefined;
    values.push(text.slice(at, next));
    at = next + part.length;
  }
  return at > end ? undefined : [...values, text.slice(at, end)];
}

function read(files: readonly URL[]): Sentence[] {
  const tables = files.map((file) => JSON.parse(readFileSync(file, 'utf8')) as Record<string, string>);
  return tables.flatMap(Object.entries<string>).map(([english, chinese]): Sentence => {
    const parts = english.split(PLACE).filter((_, i) => i % 2 === 0);
    return { parts, chinese, numbers: [...english.matchAll(PLACE)].map(([, number]) => number!), fixed: parts.join('').length + (parts.at(-1) === '' ? 0 : 1_000) };
  }).sort((a, b) => b.fixed - a.fixed);
}
