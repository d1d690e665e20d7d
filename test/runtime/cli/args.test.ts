import assert from 'node:assert/strict';
import { test } from 'node:test';
import { parse, wholeNumber, type Command } from '../../../runtime/cli/args.ts';

const command: Command = {
  name: 'cook',
  summary: 'Cook a dish',
  usage: '<dish> [--minutes <n>]',
  options: {
    minutes: { value: 'n', short: 'm', help: 'How long', number: wholeNumber(1) },
    heat: { value: 't', help: 'How hot', number: { integer: false, least: 0 } },
    style: { value: 'style', help: 'How', choices: ['boiled', 'fried'] },
    spice: { value: 'names', help: 'With what', many: true },
    cook: { value: 'file->name', help: 'Who' },
    conf: { value: 'yaml', help: 'In which kitchen' },
    quick: { short: 'q', help: 'No time' },
  },
  words: { least: 1, most: 1 },
  run: async () => 0,
};

function refused(argv: string[], by: Command = command): { message: string; next: string | undefined } {
  try {
    parse(by, argv);
  } catch (error) {
    const { code, message, next } = error as { code: string; message: string; next: string };
    assert.equal(code, 'usage');
    return { message, next };
  }
  assert.fail(`${argv.join(' ')} was taken`);
}

test('words, values, switches and lists', () => {
  const args = parse(command, ['eggs', '-m', '3', '--heat=0.5', '-q', '--spice', 'salt, pepper', '--spice', 'chili', '--json']);
  assert.deepEqual(args.words, ['eggs']);
  assert.equal(args.number('minutes'), 3);
  assert.equal(args.number('heat'), 0.5);
  assert.equal(args.text('style'), undefined);
  assert.deepEqual(args.list('spice'), ['salt', 'pepper', 'chili']);
  assert.deepEqual([args.on('quick'), args.on('json'), args.on('help')], [true, true, false]);
});

test('help needs nothing else', () => {
  assert.ok(parse(command, ['--help']).on('help'));
  assert.ok(parse(command, ['-h', '--style', 'raw', '--minutes']).on('help'));
});

test('each mistake gets one sentence, and where to read on', () => {
  const mistakes: [argv: string[], sentence: string][] = [
    [['eggs', '--minuts', '3'], 'There is no option --minuts; did you mean --minutes?'],
    [['eggs', '--zzz'], 'There is no option --zzz.'],
    [['eggs', '-z'], 'There is no option -z.'],
    [['eggs', '--minutes'], '--minutes needs a value: --minutes <n>'],
    [['eggs', '--style'], '--style needs a value: --style <boiled|fried>'],
    [['eggs', '--style', '--quick'], '--style needs a value: --style <boiled|fried>'],
    [['eggs', '--quick=yes'], '--quick takes no value.'],
    [['eggs', '--minutes', 'ten'], '--minutes takes a whole number from 1 on, not "ten".'],
    [['eggs', '--minutes', '0'], '--minutes takes a whole number from 1 on, not "0".'],
    [['eggs', '--minutes', '1.5'], '--minutes takes a whole number from 1 on, not "1.5".'],
    [['eggs', '-m', '-1'], '--minutes takes a whole number from 1 on, not "-1".'],
    [['eggs', '--minutes', ''], '--minutes takes a whole number from 1 on, not "".'],
    [['eggs', '--minutes', '1e30'], '--minutes takes a whole number from 1 on, not "1e30".'],
    [['eggs', '--heat', '-0.5'], '--heat takes a number from 0 on, not "-0.5".'],
    [['eggs', '--heat', 'NaN'], '--heat takes a number from 0 on, not "NaN".'],
    [['eggs', '--heat', 'Infinity'], '--heat takes a number from 0 on, not "Infinity".'],
    [['eggs', '--style', 'fryed'], '--style is one of boiled, fried; did you mean "fried"?'],
    [['eggs', '--style', 'xyz'], '--style is one of boiled, fried, not "xyz".'],
    [[], 'Something is missing: tuning-fork cook <dish> [--minutes <n>]'],
    [['eggs', 'ham'], '"ham" is one word too many.'],
  ];
  for (const [argv, sentence] of mistakes) assert.deepEqual(refused(argv), { message: sentence, next: 'Run "tuning-fork cook --help".' }, argv.join(' '));
});

test('a run that follows --resume without its option', () => {
  const train: Command = { ...command, options: { resume: { help: 'Go on' }, run: { value: 'run', help: 'Which one' } }, words: { least: 0, most: 0 } };
  assert.equal(refused(['--resume', 'monday'], train).next, 'Did you mean --run monday?');
  assert.equal(refused(['monday'], train).next, 'Run "tuning-fork cook --help".');
  assert.equal(refused(['--resume', '--run', 'monday', 'tuesday'], train).next, 'Run "tuning-fork cook --help".');
});

test('what the shell took for a redirection, and a configuration without its option', () => {
  assert.deepEqual(refused(['eggs', '--cook', 'kitchen/main.ts-']), {
    message: '--cook ends at "kitchen/main.ts-": the shell took the > after it and wrote to a file instead.',
    next: 'Put it in quotes: --cook "kitchen/main.ts->name"',
  });
  assert.deepEqual(refused(['kitchen.yaml']), { message: 'The configuration follows --conf.', next: 'Did you mean --conf kitchen.yaml?' });
  assert.equal(parse(command, ['--conf', 'kitchen.yaml', 'eggs.yaml']).words[0], 'eggs.yaml');
});

test('a required option that is missing is named with its value', () => {
  const strict: Command = { ...command, name: '', options: { conf: { value: 'yaml', help: 'x', required: true } }, words: { least: 0, most: 0 } };
  assert.throws(() => parse(strict, []), { message: '--conf <yaml> is missing.', next: 'Run "tuning-fork --help".' });
});
