/** Texts a person reads go through `t`. The English text is its own key, as in VS Code's l10n, so bundles can be shared. */
import { readFileSync } from 'node:fs';

export type Language = 'en' | 'zh-cn';

function languageOf(environment: NodeJS.ProcessEnv): Language {
  const asked = environment.TUNING_FORK_LANG ?? environment.LC_ALL ?? environment.LC_MESSAGES ?? environment.LANG ?? '';
  return asked.toLowerCase().startsWith('zh') ? 'zh-cn' : 'en';
}

export const language: Language = languageOf(process.env);

const bundle: Record<string, string> = language === 'en' ? {} : readBundle();

function readBundle(): Record<string, string> {
  return JSON.parse(readFileSync(new URL('./l10n.zh-cn.json', import.meta.url), 'utf8')) as Record<string, string>;
}

export function t(text: string, ...values: (string | number)[]): string {
  return (bundle[text] ?? text).replace(/\{(\d+)\}/g, (_, index: string) => String(values[Number(index)] ?? ''));
}
