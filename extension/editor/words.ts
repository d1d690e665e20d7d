/** Numbers as the editor shows them: short, and with the minus sign that is as wide as a digit. */
import type { Spread } from '../results/figures.ts';

/** `vscode.l10n`, or what stands in for it in a test. */
export interface L10n {
  t(message: string, ...args: (string | number | boolean)[]): string;
}

export function decimal(value: number, digits = 2): string {
  const text = Math.abs(value) >= 1000 && digits === 0 ? `${(Math.abs(value) / 1000).toFixed(1)}k` : Math.abs(value).toFixed(Math.abs(value) >= 100 ? 0 : digits);
  return value < 0 && Number.parseFloat(text) !== 0 ? `−${text}` : text;
}

export function percent(share: number): string {
  return share > 0 && share < 0.01 ? '<1%' : `${Math.round(share * 100)}%`;
}

export function spread({ mean, deviation, count }: Spread): string {
  return count > 1 ? `${decimal(mean)} ± ${decimal(deviation)}` : decimal(mean);
}
