/** Texts a person reads go through `t`. The English text is its own key, as in VS Code's l10n, so bundles can be shared. */
import { readFileSync } from 'node:fs';
import { languageOf, type Language } from '../protocol/localize.ts';

export const language: Language = languageOf(process.env);

const bundle: Record<string, string> = language === 'en' ? {} : readBundle();

function readBundle(): Record<string, string> {
  return JSON.parse(readFileSync(new URL('./l10n.zh-cn.json', import.meta.url), 'utf8')) as Record<string, string>;
}

export function t(text: string, ...values: (string | number)[]): string {
  return (bundle[text] ?? text).replace(/\{(\d+)\}/g, (_, index: string) => String(values[Number(index)] ?? ''));
}

/** `{0}` is the number; languages without a plural translate both forms alike. */
export function plural(number: number, one: string, other: string): string {
  return t(number === 1 ? one : other, Math.round(number).toLocaleString('en-US'));
}
