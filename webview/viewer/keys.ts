/** The list of keys. */
import { h, icon } from '../shared/dom.ts';
import { t, type Key } from './texts.ts';

const KEYS: [keys: string, what: Key][] = [
  ['1 – 5', 'keys_views'], ['↑ ↓ ← →  PgUp PgDn  Home End', 'keys_move'], ['Enter', 'keys_open'], ['/', 'keys_filter'], [',  .', 'keys_rollout'],
  ['p  n', 'keys_sampled'], ['[  ]', 'keys_call'], ['c', 'keys_colour'], ['F3  Shift+F3', 'keys_hit'], ['g', 'keys_code'], ['Shift+↑ ↓ ← →', 'keys_select'], [navigator.userAgent.includes('Macintosh') ? '⌘C' : 'Ctrl+C', 'keys_copy'], ['Space', 'keys_mark'], ['e', 'keys_export'], ['?', 'keys_help'],
];

export function showKeys(): void {
  const dialog = h('dialog', { class: 'keys', 'aria-label': t('help'), onclose: () => dialog.remove() },
    h('div', { class: 'keys-head' }, h('h2', {}, t('help')), h('button', { class: 'tool', title: t('close'), 'aria-label': t('close'), onclick: () => dialog.close() }, icon('close'))),
    h('dl', {}, ...KEYS.flatMap(([keys, what]) => [h('dt', {}, ...keys.split('  ').flatMap((key) => key.split(/(?<=\S) (?!–)(?<!– )/)).map((key) => h('kbd', {}, key))), h('dd', {}, t(what))])));
  document.body.append(dialog);
  dialog.showModal();
}
