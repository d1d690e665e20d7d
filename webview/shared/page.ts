/** A page from its first question on: what it says while it waits for the answer, and when there is none. */
import { h } from './dom.ts';
import { connect, errorOf, type Host } from './host.ts';
import type { Texts } from './strings.ts';

export interface Opening<Requests, Event, View extends { language: string }> extends Texts<'opening' | 'retry' | 'nextStep'> {
  open(host: Host<Requests, Event>): Promise<View>;
  show(host: Host<Requests, Event>, view: View, root: HTMLElement): Promise<void>;
}

export async function openPage<Requests, Event, View extends { language: string }>({ t, use, open, show }: Opening<Requests, Event, View>): Promise<void> {
  const root = document.getElementById('app') ?? document.body.appendChild(h('div', { id: 'app' }));
  let host: Host<Requests, Event> | undefined;
  const begin = async (): Promise<void> => {
    use(document.documentElement.lang);
    root.replaceChildren(h('p', { class: 'empty' }, t('opening')));
    try {
      host ??= connect<Requests, Event>();
      const view = await open(host);
      use(view.language);
      document.documentElement.lang = view.language;
      await show(host, view, root);
    } catch (error) {
      const { message, next } = errorOf(error);
      root.replaceChildren(h('div', { class: 'empty', role: 'alert' }, h('p', {}, message), next !== undefined && h('p', { class: 'dim' }, t('nextStep', next)), h('button', { class: 'action', onclick: () => void begin() }, t('retry'))));
    }
  };
  await begin();
}
