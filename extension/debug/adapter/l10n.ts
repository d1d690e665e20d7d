/** Texts of the adapter in the language of whoever shows them. It runs without an editor too; then they are English. */
import type { ErrorInfo } from '../../../runtime/protocol/errors.ts';

type Translate = (text: string, ...values: (string | number)[]) => string;

export interface L10n {
  t: Translate;
  /** What a backbone says, which is English. */
  inWords<T extends ErrorInfo>(info: T): T;
}

export const l10n: L10n = {
  t: (text, ...values) => text.replace(/\{(\d+)\}/g, (_, index: string) => String(values[Number(index)] ?? '')),
  inWords: (info) => info,
};

export function translateWith(words: L10n): void {
  Object.assign(l10n, words);
}
