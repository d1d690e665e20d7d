import { relative } from 'node:path';
import type { Command } from '../args.ts';
import { scaffold, TEMPLATES, type Template } from '../init/scaffold.ts';
import { EXIT, paint, print, printJson } from '../io.ts';
import { t } from '../l10n.ts';

export const init: Command = {
  name: 'init',
  summary: 'Make a project that runs as it is',
  usage: '<dir> [--template tool-agent]',
  about: ['Runs and type-checks at once, without network.'],
  examples: ['tuning-fork init my-agent', 'tuning-fork init my-game --template game'],
  options: { template: { value: 'template', help: 'What to start from (default: tool-agent)', choices: TEMPLATES } },
  words: { least: 1, most: 1 },
  run: async (args) => {
    const dir = args.words[0]!;
    const { files, conf } = await scaffold(dir, (args.text('template') ?? 'tool-agent') as Template);
    if (args.on('json')) printJson({ type: 'created', dir, files });
    else {
      print(t('Made {0}:', paint.bold(dir)));
      for (const file of files) print(`  ${relative(dir, file) || file}`);
      print(`\n${t('Next:')}\n  cd ${dir}\n  npx tuning-fork rollout --conf ${conf}`);
    }
    return EXIT.ok;
  },
};
