/** Plain data as a small tree that opens where one looks. */
import { h } from '../../shared/dom.ts';
import { t } from '../texts.ts';

const OPEN_DEPTH = 2;
const SHOWN = 200;
const LONG_TEXT = 4_000;

export function jsonTree(value: unknown, depth = 0): HTMLElement {
  if (typeof value !== 'object' || value === null) return leaf(value);
  const entries = Object.entries(value);
  if (entries.length === 0) return h('span', { class: 'json dim' }, Array.isArray(value) ? '[]' : '{}');
  return h('ul', { class: 'json' }, ...entries.slice(0, SHOWN).map(([key, part]) => entry(key, part, depth)), entries.length > SHOWN && h('li', { class: 'dim' }, t('items', entries.length)));
}

function entry(key: string, part: unknown, depth: number): HTMLElement {
  const name = h('span', { class: 'json-key' }, key);
  if (typeof part !== 'object' || part === null || Object.keys(part).length === 0) return h('li', {}, name, jsonTree(part));
  // Drawn when it is first opened: data may be large.
  const details = h('details', { open: depth < OPEN_DEPTH }, h('summary', {}, name, h('span', { class: 'dim' }, t('items', Object.keys(part).length))));
  const fill = (): void => {
    if (details.open && details.children.length === 1) details.append(jsonTree(part, depth + 1));
  };
  details.addEventListener('toggle', fill);
  fill();
  return h('li', {}, details);
}

function leaf(value: unknown): HTMLElement {
  const text = typeof value === 'string' ? value : JSON.stringify(value) ?? '';
  return h('span', { class: `json json-${value === null ? 'null' : typeof value}` }, text.length > LONG_TEXT ? `${text.slice(0, LONG_TEXT)}…` : text);
}
