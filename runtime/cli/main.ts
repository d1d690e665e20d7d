/** The command: finds which one is meant, explains itself, and turns errors into one sentence and an exit code. */
import { TuningForkError } from '../protocol/errors.ts';
import { nearest } from '../protocol/suggest.ts';
import { parse, type Command } from './args.ts';
import { commands, MEANT } from './commands.ts';
import { hanging, helpOf, table } from './help.ts';
import { EXIT, out, paint, print, printJson } from './io.ts';
import { onReaderGone } from './interrupt.ts';
import { COMMAND } from './invocation.ts';
import { t } from './l10n.ts';
import { clearLiveRegions } from './live-region.ts';
import { reportError } from './report.ts';

async function main(argv: string[], json: boolean): Promise<number> {
  const words = argv.filter((word) => word !== '--json');
  const [first, second] = words;
  if (first === undefined || first === '--help' || first === '-h') return tell('help', help());
  if (first === 'help') return second === undefined ? tell('help', help()) : run(await (await find(second)).load(), ['--help']);
  if (first === '--version' || first === '-v' || first === '-V' || first === 'version') return tell('version', (await import('../backbone/version.ts')).VERSION.split('+')[0]!);
  // The seeds' own call shape: options without a command.
  if (first.startsWith('-')) return run((await import('./commands/launch.ts')).launch, argv);
  return run(await (await find(first)).load(), argv.toSpliced(argv.indexOf(first), 1));

  async function run(command: Command, rest: string[]): Promise<number> {
    const args = parse(command, rest);
    return args.on('help') ? tell('help', helpOf(command, paint, out.width)) : command.run(args);
  }

  function tell(type: string, text: string): number {
    if (json) printJson({ type, text });
    else print(text);
    return EXIT.ok;
  }
}

async function find(name: string): Promise<(typeof commands)[string]> {
  if (Object.hasOwn(commands, name)) return commands[name]!;
  const meant = Object.hasOwn(MEANT, name) ? MEANT[name] : nearest(name, Object.keys(commands));
  throw new TuningForkError('usage', meant === undefined ? t('There is no command "{0}".', name) : t('There is no command "{0}"; did you mean "{1}"?', name, meant), { next: t('Run "{0}".', 'tuning-fork --help') });
}

function help(): string {
  const width = Math.min(100, out.width);
  return [
    ...hanging(t('Tuning Fork: write an agent, run it on real weights, see every token, train the model behind it.'), 0, width),
    '',
    `${paint.bold(t('Usage:'))} tuning-fork <${t('command')}> [${t('options')}]`,
    ...hanging('tuning-fork --conf <yaml> [--backbone debug|embedded|gpu|trinity|verl]', 0, width - 7).map((line) => `       ${line}`),
    '',
    paint.bold(t('Commands:')),
    ...table(Object.entries(commands).map(([name, { summary }]) => [name, t(summary)]), 14, width),
    '',
    paint.bold(t('To begin:')),
    `  ${COMMAND} init my-agent && cd my-agent`,
    `  ${COMMAND} rollout`,
    '',
    t('"tuning-fork <command> --help" explains each of them.'),
    ...hanging(t('With --json every line on stdout is one JSON object with a "type".'), 0, width),
    ...hanging(t('Exit codes: 0 done; 1 some rollouts or checks failed; 2 the call, a file or a model it names is wrong; 3 a fault of ours; 130 cancelled.'), 2, width),
  ].join('\n');
}

const argv = process.argv.slice(2);
const json = argv.includes('--json');
const fault = (error: unknown): void => {
  clearLiveRegions();
  process.exit(reportError(error, json));
};
process.on('uncaughtException', fault);
process.on('unhandledRejection', fault);
onReaderGone([process.stdout, process.stderr]);
process.exitCode = await main(argv, json).catch((error: unknown) => reportError(error, json));
// What still runs is a connection to the backbone; the answer has been given.
process.stderr.write('', () => process.stdout.write('', () => process.exit()));
