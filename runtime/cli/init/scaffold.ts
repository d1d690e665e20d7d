import { cp, readdir, readFile, realpath, rm, symlink, writeFile } from 'node:fs/promises';
import { basename, join, relative, resolve, sep } from 'node:path';
import { fileURLToPath } from 'node:url';
import { TuningForkError } from '../../protocol/errors.ts';
import { smallDrive } from '../../protocol/paths.ts';
import { didYouMean } from '../../protocol/suggest.ts';
import { reasonOf } from '../../trace/errors.ts';
import { makeFolders } from '../../trace/folders.ts';

export const TEMPLATES = ['tool-agent', 'game', 'multi-agent', 'blank'] as const;
export type Template = (typeof TEMPLATES)[number];

/** The YAML of every template. */
const CONF = 'tuning-fork.yaml';

export const packageRoot = smallDrive(fileURLToPath(new URL('../../..', import.meta.url)));

/** Writes a project that runs and type-checks as it is, without network. Its files are named from where `dir` is. */
export async function scaffold(dir: string, template: string): Promise<{ files: string[]; conf: string }> {
  const known = TEMPLATES.find((name) => name === template);
  if (known === undefined) {
    throw new TuningForkError('usage', `There is no template "${template}".`, { next: didYouMean(template, TEMPLATES) ?? `There are ${TEMPLATES.join(', ')}.` });
  }
  const target = resolve(dir);
  await makeEmpty(target);
  try {
    await cp(fileURLToPath(new URL(`templates/${known}`, import.meta.url)), target, { recursive: true });
    await furnish(target, { start: `tuning-fork rollout --conf ${CONF}`, check: `tuning-fork check --conf ${CONF}` });
    const files = (await readdir(target, { recursive: true, withFileTypes: true }))
      .filter((entry) => entry.isFile())
      .map((entry) => join(dir, relative(target, entry.parentPath), entry.name))
      .sort();
    await link(target);
    return { files, conf: CONF };
  } catch (error) {
    throw new TuningForkError('usage', `The folder ${dir} can't be written: ${reasonOf(error)}.`, { cause: error, next: 'Name another folder.' });
  }
}

/** What makes a folder of TypeScript a project; `link` gives it the package. */
export async function furnish(dir: string, scripts: Record<string, string>): Promise<void> {
  await writeFile(join(dir, '.gitignore'), 'node_modules/\nruns/\n');
  await writeJson(join(dir, 'tsconfig.json'), tsconfig);
  await writeJson(join(dir, 'package.json'), await packageJson(dir, scripts));
}

async function makeEmpty(dir: string): Promise<void> {
  try {
    await makeFolders(dir);
  } catch (error) {
    throw new TuningForkError('usage', `The folder ${dir} can't be made: ${reasonOf(error)}.`, { cause: error, next: 'Name another folder.' });
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

async function packageJson(dir: string, scripts: Record<string, string>): Promise<object> {
  const { engines } = JSON.parse(await readFile(join(packageRoot, 'package.json'), 'utf8')) as Manifest;
  return {
    name: basename(dir).toLowerCase().replace(/[^a-z0-9._-]+/g, '-').replace(/^[._-]+|[._-]+$/g, '') || 'agent',
    private: true,
    type: 'module',
    scripts,
    dependencies: { 'tuning-fork': await dependency(dir) },
    engines,
  };
}

interface Manifest {
  version: string;
  engines: { node: string };
  dependencies?: Record<string, string>;
}

/** Of a clone its folder; of what npm installed the version, or the archive that was named to it. */
async function dependency(dir: string): Promise<string> {
  const from = await realpath(dir);
  const file = (path: string): string => `file:${relative(from, path).split(sep).join('/')}`;
  const installed = packageRoot.indexOf(`${sep}node_modules${sep}`);
  if (installed === -1) return file(packageRoot);
  const project = packageRoot.slice(0, installed);
  const read = async (folder: string): Promise<Manifest> => JSON.parse(await readFile(join(folder, 'package.json'), 'utf8')) as Manifest;
  // Installed for the whole machine, it lies in no project.
  const asked = await read(project).then(({ dependencies }) => dependencies?.['tuning-fork'], () => undefined);
  return asked?.startsWith('file:') ? file(resolve(project, asked.slice('file:'.length))) : `^${(await read(packageRoot)).version}`;
}

/** For a project that lacks the package, or names a copy that is gone: this one takes its place. */
export async function addPackage(dir: string): Promise<void> {
  const file = join(dir, 'package.json');
  const text = await readFile(file, 'utf8').catch((error: NodeJS.ErrnoException) => {
    if (error.code === 'ENOENT') return '{ "private": true, "type": "module" }\n';
    throw error;
  });
  await writeFile(file, dependingOn(file, text, await dependency(dir)));
  for (const made of ['tuning-fork', '.bin/tuning-fork', '.bin/tuning-fork.cmd']) await rm(join(dir, 'node_modules', made), { force: true });
  await link(dir);
}

/** What else the file says, and how it is indented, stays as it is. */
function dependingOn(file: string, text: string, place: string): string {
  let project: { dependencies?: Record<string, string> };
  try {
    project = JSON.parse(text) as typeof project;
  } catch (error) {
    throw new TuningForkError('usage', `${file} can't be read: ${(error as Error).message}`, { cause: error, next: 'Mend it; nothing was changed.', where: { file } });
  }
  const named = project.dependencies?.['tuning-fork'];
  if (named !== undefined) return text.replace(JSON.stringify(named), JSON.stringify(place));
  const dependencies = { ...project.dependencies, 'tuning-fork': place };
  return `${JSON.stringify({ ...project, dependencies }, null, /^[ \t]+(?=")/m.exec(text)?.[0] ?? 2)}\n`;
}

async function writeJson(file: string, value: object): Promise<void> {
  await writeFile(file, `${JSON.stringify(value, null, 2)}\n`);
}

/** What `npm install` would make of the dependency, made here: it needs no network and no npm. */
export async function link(dir: string): Promise<void> {
  const modules = join(dir, 'node_modules');
  const bin = join(modules, '.bin');
  await makeFolders(bin);
  await symlink(packageRoot, join(modules, 'tuning-fork'), 'junction');
  if (process.platform === 'win32') await writeFile(join(bin, 'tuning-fork.cmd'), '@node "%~dp0\\..\\tuning-fork\\runtime\\cli\\bin.mjs" %*\r\n');
  else await symlink('../tuning-fork/runtime/cli/bin.mjs', join(bin, 'tuning-fork'));
}
