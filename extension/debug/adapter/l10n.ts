/** Texts of the adapter in the language of whoever shows them. It runs without an editor too; then they are English. */
type Translate = (text: string, ...values: (string | number)[]) => string;

export const l10n: { t: Translate } = {
  t: (text, ...values) => text.replace(/\{(\d+)\}/g, (_, index: string) => String(values[Number(index)] ?? '')),
};

export function translateWith(translate: Translate): void {
  l10n.t = translate;
}
