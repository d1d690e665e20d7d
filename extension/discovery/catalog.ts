/** What is known of the files of a workspace. Reading one costs a text search, and a parse only where that finds us. */
import { readFile, stat } from 'node:fs/promises';
import { dirname } from 'node:path';
import { projectFolder } from '../../runtime/backbone/location.ts';
import { findPath } from '../../runtime/config/files.ts';
import { ENTRYPOINT } from '../../runtime/config/target.ts';
import type { ConfigTargets } from '../language/configs.ts';
import { isConfig, isProgram, isYaml, mentionsUs } from '../language/signs.ts';
import type { Sources } from '../language/sources.ts';
import type { FoundClasses } from '../language/workflows.ts';
import type { Discovery, FoundConfig, FoundWorkflow, Given } from './discovery.ts';

/** Nobody writes a larger file by hand. */
const LARGEST_BYTES = 1 << 20;
/** Files that are read at once in a first look. */
const AT_ONCE = 16;

type Seen = Pick<Discovery, 'workflows' | 'judges' | 'configs'>;

export class Catalog {
  readonly #programs = new Map<string, FoundClasses>();
  readonly #configs = new Map<string, ConfigTargets>();
  readonly #sources: Sources;
  #seen: Seen = { workflows: [], judges: [], configs: [] };

  constructor(sources: Sources) {
    this.#sources = sources;
  }

  get workflows(): readonly FoundWorkflow[] {
    return this.#seen.workflows;
  }

  get judges(): Seen['judges'] {
    return this.#seen.judges;
  }

  get configs(): readonly FoundConfig[] {
    return this.#seen.configs;
  }

  /** Looks at files, again or for the first time; `unsaved` knows what stands in an editor. Answers whether anything changed. */
  async look(files: readonly string[], unsaved: (file: string) => string | undefined = () => undefined): Promise<boolean> {
    const rest = files.values();
    await Promise.all(Array.from({ length: Math.min(AT_ONCE, files.length) }, async () => {
      for (const file of rest) await this.#lookAt(file, unsaved(file));
    }));
    return this.#settle();
  }

  /** A file, or a folder with all that was in it. */
  forget(path: string): boolean {
    for (const known of [this.#programs, this.#configs]) {
      for (const file of known.keys()) if (file === path || (file.startsWith(path) && /[\\/]/.test(file.charAt(path.length)))) known.delete(file);
    }
    return this.#settle();
  }

  async #lookAt(file: string, unsaved: string | undefined): Promise<void> {
    if (isProgram(file)) {
      const text = unsaved ?? await contents(file);
      if (text === undefined || !mentionsUs(text)) return void this.#programs.delete(file);
      const found = await this.#sources.ask('classes', text.toString(), file);
      // While it can't be parsed, what it was before stands.
      if (found !== undefined) this.#programs.set(file, found);
    } else if (isYaml(file)) {
      const text = (unsaved ?? await contents(file))?.toString();
      if (text === undefined || !isConfig(file, text)) return void this.#configs.delete(file);
      const { targetsIn } = await import('../language/configs.ts');
      const targets = targetsIn(text, file, process.env);
      if (targets === undefined) this.#configs.delete(file);
      else this.#configs.set(file, targets);
    }
  }

  /** Which file a configuration means depends on the files there are. */
  #settle(): boolean {
    const programs = inOrder(this.#programs);
    const workflows = programs.flatMap(([, found]) => found.workflows);
    const judges = programs.flatMap(([file, found]) => found.judges.map((className) => ({ file, className })));
    // A file alone stands for the one workflow in it.
    const theOnly = (file: string): string => {
      const [first, second] = workflows.filter((workflow) => workflow.file === file && workflow.exported);
      return first === undefined || second !== undefined ? ENTRYPOINT : first.className;
    };
    const own = inOrder(this.#configs).map(([file, targets]): FoundConfig => {
      const dir = dirname(file);
      const project = projectFolder(dir);
      const resolved = (target: ConfigTargets['judge']): FoundConfig['judge'] => {
        const found = target && findPath({ dir, cwd: project }, target.file);
        return found === undefined ? undefined : { file: found, className: target!.className === ENTRYPOINT ? theOnly(found) : target!.className };
      };
      return { file, project, workflow: resolved(targets.workflow), judge: resolved(targets.judge) };
    });
    // A configuration that names a workflow is that one's, whatever else is tuned with it.
    const tuned = tunedConfigs(workflows).filter(({ file }) => this.#configs.get(file)?.workflow === undefined)
      .map((one) => ({ ...one, judge: one.given.judge === undefined ? own.find(({ file }) => file === one.file)?.judge : undefined }));
    const configs = [...own.filter(({ file }) => tuned.every((one) => one.file !== file)), ...tuned];
    const seen = { workflows, judges, configs };
    if (JSON.stringify(seen) === JSON.stringify(this.#seen)) return false;
    this.#seen = seen;
    return true;
  }
}

/** A path is meant from the file's folder first, then from the project's, where `node main.ts` is typed. */
function tunedConfigs(workflows: readonly FoundWorkflow[]): (Omit<FoundConfig, 'judge'> & { given: Given })[] {
  const found = workflows.flatMap(({ file, className, tuned = [] }) => tuned.flatMap(({ config, judge }) => {
    const dir = dirname(file);
    const project = projectFolder(dir);
    const path = config === undefined ? undefined : findPath({ dir, cwd: project }, config);
    const given: Given = { workflow: `${file}->${className}`, ...(judge !== undefined && { judge: `${file}->${judge}`, set: { 'task_judge.judge_type': 'customized_protocol' } }) };
    return path === undefined || !isYaml(path) ? [] : [{ file: path, project: projectFolder(dirname(path)), workflow: { file, className }, given }];
  }));
  return [...new Map(found.map((one) => [`${one.file} ${one.given.workflow}`, one])).values()].sort((a, b) => (a.file < b.file ? -1 : 1));
}

function inOrder<T>(known: ReadonlyMap<string, T>): [file: string, found: T][] {
  return [...known].sort(([a], [b]) => (a < b ? -1 : 1));
}

async function contents(file: string): Promise<Buffer | undefined> {
  try {
    return (await stat(file)).size > LARGEST_BYTES ? undefined : await readFile(file);
  } catch {
    return undefined;
  }
}
