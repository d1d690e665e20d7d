import { relative } from 'node:path';
import type { Command } from '../args.ts';
import { scaffold, TEMPLATES } from '../init/scaffold.ts';
import { asWord } from '../invocation.ts';
import { EXIT, paint, print, printJson } from '../io.ts';
import { t } from '../l10n.ts';

export const init: Command = {
  name: 'init',
  summary: 'Make a project that runs as it is',
  usage: '<dir> [--template <template>]',
  about: ['It runs and type-checks at once, without network.'],
  examples: ['tuning-fork init my-agent', 'tuning-fork init my-game --template game'],
  options: { template: { value: 'template', help: 'What to start from: an agent with a tool (the default), a game played turn by turn, several agents, or next to nothing', choices: TEMPLATES } },
  words: { least: 1, most: 1 },
  run: async (args) => {
    const dir = args.words[0]!;
    const { files, conf } = await scaffold(dir, args.text('template') ?? 'tool-agent');
    if (args.on('json')) {
      printJson({ type: 'created', dir, conf, files });
      return EXIT.ok;
    }
    print(t('Made {0}:', paint.bold(dir)));
    for (const file of files) print(`  ${relative(dir, file)}`);
    print(`\n${t('Next:')}`);
    if (relative(process.cwd(), dir) !== '') print(`  cd ${asWord(dir)}`);
    print(`  npx tuning-fork rollout --conf ${conf}`);
    return EXIT.ok;
  },
};
