/** The trace viewer's page begins here, in a webview of VS Code and in a browser alike. */
import type { ViewerEvent, ViewerRequests } from '../../runtime/protocol/viewer.ts';
import './viewer.css';
import { connect, errorOf } from '../shared/host.ts';
import { h } from '../shared/dom.ts';
import { followTheme } from '../shared/theme.ts';
import { t, useLanguage } from './texts.ts';
import { Viewer } from './viewer.ts';

const root = document.getElementById('app') ?? document.body.appendChild(h('div', { id: 'app' }));

async function begin(): Promise<void> {
  useLanguage(document.documentElement.lang);
  root.replaceChildren(h('p', { class: 'empty' }, t('opening')));
  try {
    const host = (hosts ??= connect<ViewerRequests, ViewerEvent>());
    const run = await host.request('open', null);
    useLanguage(run.language);
    document.documentElement.lang = run.language;
    document.title = `${run.info.project} · Tuning Fork`;
    const viewer = new Viewer(host, run);
    followTheme(() => viewer.themed());
    await viewer.begin(root);
  } catch (error) {
    const { message, next } = errorOf(error);
    root.replaceChildren(h('div', { class: 'empty', role: 'alert' }, h('p', {}, message), next !== undefined && h('p', { class: 'dim' }, t('nextStep', next)), h('button', { class: 'action', onclick: () => void begin() }, t('retry'))));
  }
}

let hosts: ReturnType<typeof connect<ViewerRequests, ViewerEvent>> | undefined;
await begin();
