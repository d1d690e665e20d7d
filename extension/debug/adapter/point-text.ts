/** Where forks begin, in words: the adapter's own, or those of a window that has loaded no adapter yet. */
import type { ForkPoint } from '../../../runtime/protocol/debug.ts';
import { l10n as own, type L10n } from './l10n.ts';

export function pointText({ call, token = 0 }: ForkPoint, l10n: Pick<L10n, 't'> = own): string {
  return token === 0 ? l10n.t('call {0}', call) : l10n.t('call {0}, token {1}', call, token);
}
