import { setTimeout } from 'node:timers/promises';
import { BackboneClient } from '../../backbone/client.ts';
import { Location, type Address } from '../../backbone/location.ts';
import { killStamped } from '../../processes/stamp.ts';
import type { BackboneStatus } from '../../protocol/backbone.ts';
import { TuningForkError } from '../../protocol/errors.ts';
import type { Args, Command } from '../args.ts';
import { count, duration } from '../format.ts';
import { doneOf } from '../frame.ts';
import { EXIT, out, paint, print, printJson } from '../io.ts';
import { plural, t } from '../l10n.ts';
import { projectOf } from '../project.ts';
import { printTable } from '../table.ts';
import { padEnd, widthOf } from '../terminal.ts';
import { kindWord, stateWord } from '../words.ts';

/** How long a backbone may take to say hello, and to cancel what it runs. */
const PATIENCE_MS = 2_000;
const FORCED_MS = 10_000;

export const status: Command = {
  name: 'status',
  summary: 'Show the backbone of this project',
  usage: '',
  about: ['The backbone is the process that runs rollouts. It starts when it is needed and goes two minutes after it was last used.'],
  options: {},
  run: async (args) => {
    const address = addressOf(args);
    if (address === undefined) {
      if (args.on('json')) printJson({ type: 'status', running: false });
      else print(t('No backbone is running for {0}.', projectOf(args)));
      return EXIT.ok;
    }
    const client = await open(address);
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
  const facts = [[t('Project'), project], [t('Models'), policies.join(', ') || '–']] as const;
  const width = Math.max(...facts.map(([name]) => widthOf(name)));
  for (const [name, fact] of facts) print(`${padEnd(name, width)}  ${fact}`);
  if (runs.length === 0) return;
  print();
  const newest = runs.toReversed();
  printTable([
    { head: t('run'), cells: newest.map(({ run }) => run) },
    { head: t('workflow'), cells: newest.map(({ info }) => info.workflow), drop: 2 },
    { head: t('kind'), cells: newest.map(({ info }) => kindWord(info.kind)), drop: 1 },
    { head: t('state'), cells: newest.map(({ info }) => stateWord(info.state)) },
    { head: t('rollouts'), cells: newest.map(({ progress }) => `${count(doneOf(progress))}/${count(progress.planned)}`), right: true },
  ], out.width);
}

export const stop: Command = {
  name: 'stop',
  summary: 'Stop the backbone of this project',
  usage: '[--force]',
  options: { force: { help: 'Cancel what is still running, and end the backbone also if it does not answer' } },
  run: async (args) => {
    const address = addressOf(args);
    if (address !== undefined) await (args.on('force') ? end(address) : goAway(address));
    if (args.on('json')) printJson({ type: 'stopped', wasRunning: address !== undefined });
    else print(address === undefined ? t('No backbone is running for {0}.', projectOf(args)) : t('Stopped.'));
    return EXIT.ok;
  },
};

async function goAway(address: Address): Promise<void> {
  const client = await open(address);
  await client.request('shutdown', { force: false });
  await client.closed;
}

async function end(address: Address): Promise<void> {
  const client = await open(address).catch(() => undefined);
  client?.request('shutdown', { force: true }).catch(() => {});
  await Promise.race([client?.closed, setTimeout(client === undefined ? 0 : FORCED_MS)]);
  killStamped(address.process);
}

/** Also one of another version, which serves nobody new but must be seen and stopped. */
function addressOf(args: Args): Address | undefined {
  return new Location(projectOf(args)).read();
}

function open(address: Address): Promise<BackboneClient> {
  return BackboneClient.open(address, 'cli', PATIENCE_MS).catch((error: unknown) => {
    throw new TuningForkError('backbone', t('The backbone (pid {0}) does not answer.', address.process.pid), { cause: error, next: t('"tuning-fork stop --force" ends it.') });
  });
}
