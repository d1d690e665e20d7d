/** The dashboard's page begins here, in a webview of VS Code and in a browser alike. */
import type { DashboardEvent, DashboardRequests, DashboardView } from '../../runtime/protocol/dashboard.ts';
import './dashboard.css';
import { openPage } from '../shared/page.ts';
import { followTheme } from '../shared/theme.ts';
import { Dashboard } from './dashboard.ts';
import { t, useLanguage } from './texts.ts';

await openPage<DashboardRequests, DashboardEvent, DashboardView>({
  t, use: useLanguage,
  open: (host) => host.request('open', null),
  async show(host, view, root) {
    document.title = `${view.project} · ${t('trainings')} · Tuning Fork`;
    let dashboard: Dashboard | undefined;
    followTheme(() => dashboard?.themed());
    dashboard = new Dashboard(host, view);
    await dashboard.begin(root);
  },
});
