/** The dashboard's page begins here, in a webview of VS Code and in a browser alike. */
import type { DashboardEvent, DashboardRequests } from '../../runtime/protocol/dashboard.ts';
import './dashboard.css';
import { h } from '../shared/dom.ts';
import { connect, errorOf } from '../shared/host.ts';
import { followTheme } from '../shared/theme.ts';
import { Dashboard } from './dashboard.ts';
import { t, useLanguage } from './texts.ts';

const root = document.getElementById('app') ?? document.body.appendChild(h('div', { id: 'app' }));
let host: ReturnType<typeof connect<DashboardRequests, DashboardEvent>> | undefined;

async function begin(): Promise<void> {
  useLanguage(document.documentElement.lang);
  root.replaceChildren(h('p', { class: 'empty' }, t('opening')));
  try {
    const reached = (host ??= connect<DashboardRequests, DashboardEvent>());
    const view = await reached.request('open', null);
    useLanguage(view.language);
    document.documentElement.lang = view.language;
    document.title = `${view.project} · ${t('trainings')} · Tuning Fork`;
    let dashboard: Dashboard | undefined;
    followTheme(() => dashboard?.themed());
    dashboard = new Dashboard(reached, view);
    await dashboard.begin(root);
  } catch (error) {
    const { message, next } = errorOf(error);
    root.replaceChildren(h('div', { class: 'empty', role: 'alert' }, h('p', {}, message), next !== undefined && h('p', { class: 'dim' }, t('nextStep', next)), h('button', { class: 'action', onclick: () => void begin() }, t('retry'))));
  }
}

await begin();
