/** What of a run becomes a file, chosen in a dialog; or its conversations as text, on the clipboard. */
import type { ExportChoice } from '../../runtime/protocol/viewer.ts';
import { count } from '../shared/format.ts';
import { errorOf } from '../shared/host.ts';
import { h, icon } from '../shared/dom.ts';
import { conversationText } from './messages/as-text.ts';
import type { RewardRange } from './rollouts/order.ts';
import { t, type Key } from './texts.ts';
import type { Viewer } from './viewer.ts';

const WHAT = { rollouts: 'exportRollouts', tokens: 'exportTokens', records: 'exportRecords' } as const satisfies Record<ExportChoice['what'], Key>;
const FORMATS: Record<ExportChoice['format'], string> = { parquet: 'Parquet', csv: 'CSV', jsonl: 'JSON Lines' };
/** More is nothing to paste. */
const MOST_COPIED = 100;
/** As many as a request may name. */
const MOST_NAMED = 4096;

/** A part of the run: the rollouts in it, and how its host finds them. */
interface Part {
  title: string;
  rollouts: readonly string[];
  choice: Pick<ExportChoice, 'filter' | 'rollouts'>;
}

/** As it was chosen last. */
let last: { what: ExportChoice['what']; format: ExportChoice['format'] } = { what: 'rollouts', format: 'parquet' };

export function showExport(viewer: Viewer, shown: Uint32Array): void {
  const parts = partsOf(viewer, shown);
  const which = radios('which', t('exportWhich'), parts.map(({ title }, at) => [String(at), title]), String(parts.length > 1 && parts[0]!.rollouts.length !== parts[1]!.rollouts.length ? 1 : 0));
  const what = radios('what', t('exportWhat'), Object.entries(WHAT).map(([value, key]) => [value, t(key)]), last.what);
  const format = radios('format', t('exportFormat'), Object.entries(FORMATS), last.format);
  const chosen = (): Part => parts[Number(which.value())]!;
  const onlyLines = (): void => {
    for (const input of format.inputs) input.disabled = what.value() === 'records' && input.value !== 'jsonl';
    if (what.value() === 'records') format.set('jsonl');
  };
  const dialog = h('dialog', { class: 'keys export-dialog', 'aria-labelledby': 'export-title', onclose: () => dialog.remove() },
    h('div', { class: 'keys-head' }, h('h2', { id: 'export-title' }, t('export')), h('button', { class: 'tool', title: t('close'), 'aria-label': t('close'), onclick: () => dialog.close() }, icon('close'))),
    h('form', { onchange: onlyLines, onsubmit: (event: Event) => {
      event.preventDefault();
      dialog.close();
      last = { what: what.value() as ExportChoice['what'], format: format.value() as ExportChoice['format'] };
      void viewer.download({ ...last, ...chosen().choice });
    } }, which.element, what.element, format.element,
    h('div', { class: 'export-actions' },
      h('button', { class: 'action', type: 'button', onclick: () => {
        dialog.close();
        void copy(viewer, chosen().rollouts);
      } }, icon('copy'), t('copyAsText')),
      h('span', { class: 'spring' }),
      h('button', { class: 'action primary', type: 'submit', autofocus: true }, icon('save'), t('export')))));
  onlyLines();
  document.body.append(dialog);
  dialog.showModal();
}

/** Rollouts that still run are not among them: they are in no file yet. */
function partsOf({ table, state }: Viewer, shown: Uint32Array): Part[] {
  const sealed = shown.filter((row) => row < table.sealed);
  const marked = state.marked.filter((id) => table.place(id) !== -1 && table.place(id) < table.sealed);
  const open = state.view !== 'rollouts' && state.rollout !== undefined && table.place(state.rollout) < table.sealed ? state.rollout : undefined;
  const filter = filterOf(state.filter, state.range);
  return [
    { title: t('exportAll', count(table.sealed)), rollouts: table.ids.slice(0, table.sealed), choice: {} },
    ...(filter === '' ? [] : [{ title: t('exportShown', count(sealed.length)), rollouts: [...sealed].map((row) => table.ids[row]!), choice: { filter } }]),
    ...(marked.length === 0 || marked.length > MOST_NAMED ? [] : [{ title: t('markedOnes', marked.length), rollouts: marked, choice: { rollouts: marked } }]),
    ...(open === undefined ? [] : [{ title: t('exportOpen', open), rollouts: [open], choice: { rollouts: [open] } }]),
  ];
}

/** What the table shows, in the words of its filter. */
export function filterOf(filter: string, range: RewardRange | undefined): string {
  if (range === undefined) return filter;
  // As the bars have it: one of exact rewards has both its ends, a range not its upper one.
  const { from, to, exact } = range;
  const reward = exact ? `reward >= ${from} and reward <= ${to}` : `reward >= ${from - 1e-12} and reward < ${to - 1e-12}`;
  return filter === '' ? reward : `(${filter}) and ${reward}`;
}

async function copy(viewer: Viewer, rollouts: readonly string[]): Promise<void> {
  try {
    const text = await textOf(viewer, rollouts.slice(0, MOST_COPIED));
    if (viewer.run.capabilities.includes('copy')) viewer.act({ do: 'copy', text });
    else await navigator.clipboard.writeText(text);
    viewer.say(rollouts.length > MOST_COPIED ? t('copiedFirst', MOST_COPIED, count(rollouts.length)) : t('copied', count(rollouts.length)));
  } catch (error) {
    viewer.say(errorOf(error).message);
  }
}

async function textOf({ host, table }: Viewer, rollouts: readonly string[]): Promise<string> {
  const texts: string[] = [];
  for (const rollout of rollouts) texts.push(conversationText(await host.request('conversation', { rollout }), table.taskName(table.place(rollout))));
  return texts.join('\n\n\n');
}

function radios(name: string, title: string, options: readonly (readonly [value: string, title: string])[], chosen: string): { element: HTMLElement; inputs: HTMLInputElement[]; value(): string; set(value: string): void } {
  const inputs = options.map(([value]) => h('input', { type: 'radio', name, value, checked: value === chosen }));
  return {
    element: h('fieldset', {}, h('legend', {}, title), ...options.map(([, text], at) => h('label', {}, inputs[at]!, text))),
    inputs,
    value: () => inputs.find(({ checked }) => checked)!.value,
    set: (value) => inputs.forEach((input) => void (input.checked = input.value === value)),
  };
}
