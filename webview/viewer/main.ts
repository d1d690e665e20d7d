/** The trace viewer's page begins here, in a webview of VS Code and in a browser alike. */
import type { ViewedRun, ViewerEvent, ViewerRequests } from '../../runtime/protocol/viewer.ts';
import './viewer.css';
import { openPage } from '../shared/page.ts';
import { followTheme } from '../shared/theme.ts';
import { t, useLanguage } from './texts.ts';
import { Viewer } from './viewer.ts';

await openPage<ViewerRequests, ViewerEvent, ViewedRun>({
  t, use: useLanguage,
  open: (host) => host.request('open', null),
  async show(host, run, root) {
    document.title = `${run.info.project} · Tuning Fork`;
    const viewer = new Viewer(host, run);
    followTheme(() => viewer.themed());
    await viewer.begin(root);
  },
});
