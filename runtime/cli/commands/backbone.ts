import type { BackboneStatus } from '../../protocol/backbone.ts';
import { connectBackbone, type BackboneClient } from '../../backbone/client.ts';
import type { Args, Command } from '../args.ts';
import { count, duration } from '../format.ts';
import { doneOf } from '../frame.ts';
import { EXIT, out, paint, print, printJson } from '../io.ts';
import { plural, t } from '../l10n.ts';
import { projectOf } from '../project.ts';
import { printTable } from '../table.ts';

export const status: Command = {
  name: 'status',
  summary: 'Show the backbone of this project',
  usage: '',
  about: ['The backbone is the process that runs rollouts. It starts when it is needed and goes two minutes after it was last used.'],
  options: {},
  run: async (args) => {
    const client = await running(args);
    if (client === undefined) {
      if (args.on('json')) printJson({ type: 'status', running: false });
      else print(t('No backbone is running for {0}.', projectOf(args)));
      return EXIT.ok;
    }
    const answer = await client.request('status', null);
    client.close();
    if (args.on('json')) printJson({ type: 'status', running: true, ...answer });
    else show(answer);
    return EXIT.ok;
  },
};

function show({ version, pid, uptime, project, policies, runs, clients }: BackboneStatus): void {
  const others = clients > 1 ? [plural(clients - 1, '{0} other client', '{0} other clients')] : [];
  print([`${paint.bold(t('Backbone'))} ${version.split('+')[0]}`, t('pid {0}', pid), t('up {0}', duration(uptime)), ...others].join(paint.dim(' · ')));
  print(`${t('Project')}  ${project}`);
  print(`${t('Models')}   ${policies.join(', ') || '–'}`);
  if (runs.length === 0) return;
  print();
  printTable([
    { head: t('run'), cells: runs.map(({ run }) => run) },
    { head: t('workflow'), cells: runs.map(({ info }) => info.workflow), drop: 2 },
    { head: t('kind'), cells: runs.map(({ info }) => info.kind), drop: 1 },
    { head: t('state'), cells: runs.map(({ info }) => info.state) },
    { head: t('rollouts'), cells: runs.map(({ progress }) => `${count(doneOf(progress))}/${count(progress.planned)}`), right: true },
  ], out.width);
}

export const stop: Command = {
  name: 'stop',
  summary: 'Stop the backbone of this project',
  usage: '[--force]',
  options: { force: { help: 'Cancel what is still running' } },
  run: async (args) => {
    const client = await running(args);
    await client?.request('shutdown', { force: args.on('force') });
    await client?.closed;
    if (args.on('json')) printJson({ type: 'stopped', wasRunning: client !== undefined });
    else print(client === undefined ? t('No backbone is running for {0}.', projectOf(args)) : t('Stopped.'));
    return EXIT.ok;
  },
};

function running(args: Args): Promise<BackboneClient | undefined> {
  return connectBackbone({ project: projectOf(args), client: 'cli', startIfAbsent: false });
}
