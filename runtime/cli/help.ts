import { called, commonOptions, type Command, type Option } from './args.ts';
import { asTyped } from './invocation.ts';
import { t } from './l10n.ts';
import { padEnd, widthOf, wrap, type Paint } from './terminal.ts';

/** Wider lines are harder to read. */
const MOST_COLUMNS = 100;
/** An option longer than this has its explanation below it. */
const LONGEST_OPTION = 34;
/** Narrower explanations are torn to pieces. */
const LEAST_BESIDE = 40;

export function helpOf(command: Command, paint: Paint, terminalWidth: number): string {
  const width = Math.min(MOST_COLUMNS, terminalWidth);
  const rows = [...Object.entries(command.options), ...Object.entries(commonOptions)].map(row);
  return [
    ...wrap(t(command.summary), width),
    ...(command.about ?? []).flatMap((line) => wrap(t(line), width)),
    '',
    ...hanging(`${t('Usage:')} ${called(command)}`, widthOf(t('Usage:')) + 1, width).map((line, index) => (index === 0 ? line.replace(t('Usage:'), paint.bold(t('Usage:'))) : line)),
    '',
    paint.bold(t('Options:')),
    ...table(rows, LONGEST_OPTION, width),
    ...(command.examples === undefined ? [] : ['', paint.bold(t('Examples:')), ...command.examples.map((line) => `  ${asTyped(line)}`)]),
  ].join('\n');
}

function row([name, option]: [string, Option]): [string, string] {
  const value = option.value === undefined ? '' : ` <${option.choices?.join('|') ?? option.value}>`;
  return [`${option.short === undefined ? '    ' : `-${option.short}, `}--${name}${value}`, t(option.help)];
}

/** Two columns, the right one wrapped. A left cell longer than `longest` stands on a line of its own, and so do all where little room is left beside. */
export function table(rows: [left: string, right: string][], longest: number, width: number): string[] {
  const column = Math.max(...rows.map(([left]) => widthOf(left)).filter((each) => each <= longest));
  const beside = width - column - 4 >= LEAST_BESIDE;
  const indent = ' '.repeat(beside ? column + 4 : 8);
  return rows.flatMap(([left, right]) => {
    const [first = '', ...rest] = wrap(right, width - indent.length);
    const below = rest.map((line) => indent + line);
    return !beside || widthOf(left) > column ? [`  ${left}`, indent + first, ...below] : [`  ${padEnd(left, column)}  ${first}`, ...below];
  });
}

export function hanging(text: string, indent: number, width: number): string[] {
  const [first = '', ...rest] = wrap(text, width);
  return [first, ...wrap(rest.join(' '), width - indent).map((line) => ' '.repeat(indent) + line)];
}
