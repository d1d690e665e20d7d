import { cp, mkdir, readdir, readFile, realpath, symlink, writeFile } from 'node:fs/promises';
import { basename, join, relative, resolve, sep } from 'node:path';
import { fileURLToPath } from 'node:url';
import { TuningForkError } from '../../protocol/errors.ts';
import { didYouMean } from '../../protocol/suggest.ts';

export const TEMPLATES = ['tool-agent', 'game', 'multi-agent', 'blank'] as const;
export type Template = (typeof TEMPLATES)[number];

/** The YAML of every template. */
const CONF = 'tuning-fork.yaml';

const packageRoot = fileURLToPath(new URL('../../..', import.meta.url));

/** Writes a project that runs and type-checks as it is, without network. Its files are named from where `dir` is. */
export async function scaffold(dir: string, template: string): Promise<{ files: string[]; conf: string }> {
  const known = TEMPLATES.find((name) => name === template);
  if (known === undefined) {
    throw new TuningForkError('usage', `There is no template "${template}".`, { next: didYouMean(template, TEMPLATES) ?? `There are ${TEMPLATES.join(', ')}.` });
  }
  const target = resolve(dir);
  await makeEmpty(target);
  await cp(fileURLToPath(new URL(`templates/${known}`, import.meta.url)), target, { recursive: true });
  await writeFile(join(target, '.gitignore'), 'node_modules/\nruns/\n');
  await writeJson(join(target, 'tsconfig.json'), tsconfig);
  await writeJson(join(target, 'package.json'), await packageJson(target));
  const files = (await readdir(target, { recursive: true, withFileTypes: true }))
    .filter((entry) => entry.isFile())
    .map((entry) => join(dir, relative(target, entry.parentPath), entry.name))
    .sort();
  await link(target);
  return { files, conf: CONF };
}

async function makeEmpty(dir: string): Promise<void> {
  try {
    await mkdir(dir, { recursive: true });
  } catch (error) {
    throw new TuningForkError('usage', `The folder ${dir} can't be made: ${(error as Error).message}`, { cause: error, next: 'Name another folder.' });
  }
  // A fresh repository is as good as an empty folder.
  const inside = (await readdir(dir)).filter((name) => name !== '.git');
  if (inside.length === 0) return;
  throw new TuningForkError('usage', `The folder ${dir} is not empty (it holds ${inside[0]}), so nothing was written.`, { next: 'Name a folder that does not exist yet.' });
}

const tsconfig = {
  compilerOptions: {
    target: 'es2024',
    module: 'nodenext',
    strict: true,
    noEmit: true,
    // Node runs the files as they are: it strips types, and does no more.
    allowImportingTsExtensions: true,
    erasableSyntaxOnly: true,
    verbatimModuleSyntax: true,
    skipLibCheck: true,
  },
  include: ['**/*.ts'],
  exclude: ['node_modules', 'runs'],
};

async function packageJson(dir: string): Promise<object> {
  const { engines } = JSON.parse(await readFile(join(packageRoot, 'package.json'), 'utf8')) as { engines: { node: string } };
  return {
    name: basename(dir).toLowerCase().replace(/[^a-z0-9._-]+/g, '-').replace(/^[._-]+|[._-]+$/g, '') || 'agent',
    private: true,
    type: 'module',
    scripts: {
      start: `tuning-fork rollout --conf ${CONF}`,
      check: `tuning-fork check --conf ${CONF}`,
    },
    dependencies: { 'tuning-fork': `file:${relative(await realpath(dir), packageRoot).split(sep).join('/')}` },
    engines,
  };
}

async function writeJson(file: string, value: object): Promise<void> {
  await writeFile(file, `${JSON.stringify(value, null, 2)}\n`);
}

/** What `npm install` would make of the dependency, made here: it needs no network and no npm. */
async function link(dir: string): Promise<void> {
  const modules = join(dir, 'node_modules');
  const bin = join(modules, '.bin');
  await mkdir(bin, { recursive: true });
  await symlink(packageRoot, join(modules, 'tuning-fork'), 'junction');
  if (process.platform === 'win32') await writeFile(join(bin, 'tuning-fork.cmd'), '@node "%~dp0\\..\\tuning-fork\\runtime\\cli\\bin.mjs" %*\r\n');
  else await symlink('../tuning-fork/runtime/cli/bin.mjs', join(bin, 'tuning-fork'));
}
