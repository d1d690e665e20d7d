/** What records say in one word, as a person reads it. */
import type { RunInfo } from '../protocol/trace.ts';
import { t } from './l10n.ts';

export function stateWord(state: RunInfo['state']): string {
  return { running: t('running'), finished: t('finished'), failed: t('failed'), cancelled: t('cancelled') }[state];
}

export function kindWord(kind: RunInfo['kind']): string {
  return { rollout: t('rollout'), replay: t('replay'), check: t('check'), training: t('training'), rejudge: t('rejudge'), test: t('test') }[kind];
}
