/** The command: finds which one is meant, explains itself, and turns errors into one sentence and an exit code. */
import { TuningForkError } from '../protocol/errors.ts';
import { nearest } from '../protocol/suggest.ts';
import { helpOf, parse, type Command } from './args.ts';
import { EXIT, paint, print, reportError } from './io.ts';
import { t } from './l10n.ts';
import { padEnd } from './terminal.ts';

/** Each is loaded when it is needed: starting must not cost what isn't used. */
const commands: Record<string, { summary: string; load(): Promise<Command> }> = {
  init: { summary: 'Make a project that runs as it is', load: async () => (await import('./commands/init.ts')).init },
  rollout: { summary: 'Run a workflow on tasks and keep every token', load: async () => (await import('./commands/rollout.ts')).rollout },
  replay: { summary: 'Run a stored rollout again from its record, or fork it', load: async () => (await import('./commands/replay.ts')).replay },
  rejudge: { summary: 'Score stored rollouts again with a changed judge; no model is called', load: async () => (await import('./commands/rejudge.ts')).rejudge },
  check: { summary: 'Check configuration, workflow, data, model and judge before a run', load: async () => (await import('./commands/check.ts')).check },
  runs: { summary: 'List runs, show one, or attach to one that is running', load: async () => (await import('./commands/runs.ts')).runs },
  status: { summary: 'Show the backbone of this project', load: async () => (await import('./commands/backbone.ts')).status },
  stop: { summary: 'Stop the backbone of this project', load: async () => (await import('./commands/backbone.ts')).stop },
};

export async function main(argv: string[]): Promise<number> {
  const json = argv.includes('--json');
  try {
    const [first, ...rest] = argv;
    if (first === undefined || first === '--help' || first === '-h' || first === 'help') return help(rest[0]);
    if (first === '--version' || first === '-v') return version();
    // The seeds' own call shape: options without a command.
    if (first.startsWith('-')) return await run((await import('./commands/launch.ts')).launch, argv);
    const entry = Object.hasOwn(commands, first) ? commands[first] : undefined;
    if (entry === undefined) {
      const meant = nearest(first, Object.keys(commands));
      throw new TuningForkError('usage', meant === undefined ? t('There is no command "{0}".', first) : t('There is no command "{0}"; did you mean "{1}"?', first, meant), { next: t('Run "tuning-fork --help".') });
    }
    return await run(await entry.load(), rest);
  } catch (error) {
    return reportError(error, json);
  }
}

async function run(command: Command, argv: string[]): Promise<number> {
  const args = parse(command, argv);
  if (args.on('help')) {
    print(helpOf(command, paint));
    return EXIT.ok;
  }
  return command.run(args);
}

async function help(name: string | undefined): Promise<number> {
  if (name !== undefined && Object.hasOwn(commands, name)) return run(await commands[name]!.load(), ['--help']);
  const width = Math.max(...Object.keys(commands).map((each) => each.length)) + 2;
  print([
    t('Tuning Fork: write an agent, run it on real weights, see every token, train the model behind it.'),
    '',
    `${paint.bold(t('Usage:'))} tuning-fork <${t('command')}> [${t('options')}]`,
    `       tuning-fork --conf <yaml> [--backbone debug|embedded|gpu|trinity|verl]`,
    '',
    paint.bold(t('Commands:')),
    ...Object.entries(commands).map(([each, { summary }]) => `  ${padEnd(each, width)}${t(summary)}`),
    '',
    t('"tuning-fork <command> --help" explains each of them.'),
    t('Exit codes: 0 done, 1 some rollouts or checks failed, 2 the call or a file is wrong, 3 a fault of ours, 130 cancelled.'),
  ].join('\n'));
  return EXIT.ok;
}

async function version(): Promise<number> {
  print((await import('../backbone/version.ts')).VERSION);
  return EXIT.ok;
}

process.stdout.on('error', (error: NodeJS.ErrnoException) => {
  // `tuning-fork … | head`: the reader has gone, and that is fine.
  if (error.code === 'EPIPE') process.exit(EXIT.ok);
});

process.exitCode = await main(process.argv.slice(2));
// What still runs is a connection to the backbone; the answer has been given.
process.stdout.write('', () => process.exit());
