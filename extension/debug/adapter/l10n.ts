/** Texts of the adapter in the language of whoever shows them. It runs without an editor too; then they are English. */
type Translate = (text: string, ...values: (string | number)[]) => string;

export interface L10n {
  t: Translate;
}

export const l10n: L10n = {
  t: (text, ...values) => text.replace(/\{(\d+)\}/g, (_, index: string) => String(values[Number(index)] ?? '')),
};

export function translateWith(translate: Translate): void {
  l10n.t = translate;
}
