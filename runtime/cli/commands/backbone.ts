import type { Command } from '../args.ts';
import { connectIfRunning, projectOf } from '../connect.ts';
import { EXIT, paint, print, printJson } from '../io.ts';
import { t } from '../l10n.ts';
import { count, duration } from '../statistics.ts';

export const status: Command = {
  name: 'status',
  summary: 'Show the backbone of this project',
  usage: '',
  options: {},
  run: async (args) => {
    const client = await connectIfRunning(args);
    if (client === undefined) {
      if (args.on('json')) printJson({ running: false });
      else print(t('No backbone is running for {0}.', projectOf(args)));
      return EXIT.ok;
    }
    const answer = await client.request('status', null);
    client.close();
    if (args.on('json')) printJson({ running: true, ...answer });
    else {
      print(`${paint.bold(t('Backbone'))} ${answer.version} · pid ${answer.pid} · ${t('up {0}', duration(answer.uptime))} · ${answer.project}`);
      print(`${t('Models')}: ${answer.policies.join(', ') || '–'}`);
      for (const { run, info, progress } of answer.runs) {
        print(`  ${run}  ${info.state}  ${count(progress.finished + progress.failed + progress.cancelled)}/${count(progress.planned)}  ${info.workflow}`);
      }
    }
    return EXIT.ok;
  },
};

export const stop: Command = {
  name: 'stop',
  summary: 'Stop the backbone of this project',
  usage: '[--force]',
  options: { force: { help: 'Cancel what is still running' } },
  run: async (args) => {
    const client = await connectIfRunning(args);
    if (client === undefined) {
      if (!args.on('json')) print(t('No backbone is running for {0}.', projectOf(args)));
      return EXIT.ok;
    }
    await client.request('shutdown', { force: args.on('force') });
    await client.closed;
    if (!args.on('json')) print(t('Stopped.'));
    return EXIT.ok;
  },
};
