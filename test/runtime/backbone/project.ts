/** A project in a temporary folder, its backbone and its runs. Nothing else on the machine is touched, and nothing is left behind. */
import { copyFile, mkdtemp, realpath, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { connectBackbone, type BackboneClient } from '../../../runtime/backbone/client.ts';
import { Location } from '../../../runtime/backbone/location.ts';
import { isAlive, killStamped } from '../../../runtime/processes/stamp.ts';
import type { RunEvent, StartRun } from '../../../runtime/protocol/backbone.ts';
import type { Json, JsonObject } from '../../../runtime/protocol/json.ts';
import type { RolloutRecord } from '../../../runtime/protocol/trace.ts';
import { openRunReader, type RunReader } from '../../../runtime/trace/index.ts';

const home = await realpath(await mkdtemp(join(tmpdir(), 'tf-backbone-')));
process.env.TUNING_FORK_RUNTIME_DIR = join(home, 'run');
/** A test that dies leaves no backbone for long. */
process.env.TUNING_FORK_IDLE_MS ??= '10000';

const projects = new Set<Project>();

after(async () => {
  for (const project of projects) await project.close();
  await rm(home, { recursive: true, force: true });
});

const fixtures = fileURLToPath(new URL('../../fixtures/backbone/', import.meta.url));

export interface ProjectOptions {
  /** Files of test/fixtures/backbone that are copied in. */
  copy?: string[];
  files?: Record<string, string>;
}

export interface ConfOptions {
  workflow?: string;
  judge?: string;
  rollout?: JsonObject;
  /** Rows of the dataset, or their queries. */
  tasks?: (string | JsonObject)[];
  label?: string;
  more?: JsonObject;
}

export class Project {
  readonly dir: string;
  readonly #clients: BackboneClient[] = [];
  #confs = 0;

  private constructor(dir: string) {
    this.dir = dir;
  }

  static async make({ copy = ['workflows.ts'], files = {} }: ProjectOptions = {}): Promise<Project> {
    const project = new Project(await mkdtemp(join(home, 'project-')));
    projects.add(project);
    await project.write({ 'package.json': '{ "type": "module" }', ...files });
    for (const name of copy) await copyFile(join(fixtures, name), join(project.dir, name));
    return project;
  }

  async write(files: Record<string, string>): Promise<void> {
    for (const [name, text] of Object.entries(files)) await writeFile(join(this.dir, name), text);
  }

  /** Writes a YAML, small and quick in all it doesn't say, and gives its name. */
  async conf({ workflow = 'workflows.ts->Acts', judge, rollout = {}, tasks = ['call'], label, more = {} }: ConfOptions = {}): Promise<string> {
    const name = `conf${++this.#confs}`;
    const rows = tasks.map((task, index) => JSON.stringify(typeof task === 'string' ? { task_id: `${task}-${index}`, main_query: task, metadata: {} } : task));
    // JSON is YAML too.
    const tree: Json = {
      tuning_fork: {
        project_name: 'test',
        rollout: { user_workflow: workflow, num_repeat: 1, max_response_length_in_one_turn: 6, ...rollout },
        task_reader: { jsonl_dataset_file: { training: { file_path: `${name}.jsonl` }, validation: { file_path: `${name}.jsonl` }, ...(label && { label_key: label }) } },
        ...(judge && { task_judge: { judge_protocol: judge } }),
        ...more,
      },
    };
    await this.write({ [`${name}.jsonl`]: `${rows.join('\n')}\n`, [`${name}.yaml`]: JSON.stringify(tree, null, 2) });
    return `${name}.yaml`;
  }

  get location(): Location {
    return new Location(this.dir);
  }

  async connect(): Promise<BackboneClient> {
    const client = (await connectBackbone({ project: this.dir, client: 'test' }))!;
    this.#clients.push(client);
    return client;
  }

  /** The one connection that most tests need. */
  async client(): Promise<BackboneClient> {
    return this.#clients[0] ?? this.connect();
  }

  request(conf: string, more: Partial<StartRun> = {}): StartRun {
    return { kind: 'rollout', conf, env: { PATH: process.env.PATH ?? '' }, cwd: this.dir, ...more };
  }

  async start(conf: string, more: Partial<StartRun> = {}): Promise<Followed> {
    const client = await this.client();
    const { run, dir } = await client.request('start', this.request(conf, more));
    return Followed.attach(client, run, dir);
  }

  /** To its end. */
  async run(options: ConfOptions, more: Partial<StartRun> = {}): Promise<Followed> {
    const run = await this.start(await this.conf(options), more);
    await run.end();
    return run;
  }

  /** Kills its backbone. */
  async close(): Promise<void> {
    for (const client of this.#clients.splice(0)) client.close();
    const address = this.location.read();
    if (address === undefined) return;
    killStamped(address.process);
    await until(() => !isAlive(address.process));
  }
}

/** A run as a client sees it. */
export class Followed {
  readonly run: string;
  readonly dir: string;
  readonly events: RunEvent[] = [];
  readonly client: BackboneClient;
  #heard: () => void = () => {};

  private constructor(client: BackboneClient, run: string, dir: string) {
    this.client = client;
    this.run = run;
    this.dir = dir;
  }

  static async attach(client: BackboneClient, run: string, dir: string): Promise<Followed> {
    const followed = new Followed(client, run, dir);
    await client.attach(run, (event) => {
      followed.events.push(event);
      followed.#heard();
    });
    return followed;
  }

  of<T extends RunEvent['type']>(type: T): Extract<RunEvent, { type: T }>[] {
    return this.events.filter((event): event is Extract<RunEvent, { type: T }> => event.type === type);
  }

  /** The first event of this type that fits, come or to come. */
  async when<T extends RunEvent['type']>(type: T, fits: (event: Extract<RunEvent, { type: T }>) => boolean = () => true): Promise<Extract<RunEvent, { type: T }>> {
    for (;;) {
      const found = this.of(type).find(fits);
      if (found !== undefined) return found;
      const last = this.of('finished')[0];
      if (last !== undefined) throw new Error(`The run ended (${last.state}: ${last.error?.message}) without the event "${type}" that was waited for.`);
      await new Promise<void>((resolve) => void (this.#heard = resolve));
    }
  }

  end(): Promise<Extract<RunEvent, { type: 'finished' }>> {
    return this.when('finished');
  }

  reader(): Promise<RunReader> {
    return openRunReader(this.dir);
  }

  async record(rollout: string): Promise<RolloutRecord> {
    return (await this.reader()).read(rollout);
  }

  /** All that were sealed, by what their task asked for. */
  async records(): Promise<Map<string, RolloutRecord>> {
    const reader = await this.reader();
    const records = await Promise.all(Array.from({ length: reader.count }, (_, index) => reader.read(index)));
    return new Map(records.map((record) => [record.rollout, record]));
  }
}

/** Waits until something outside of this process has come to pass. */
export async function until(holds: () => boolean | Promise<boolean>, milliseconds = 5_000): Promise<void> {
  const deadline = Date.now() + milliseconds;
  while (!await holds()) {
    if (Date.now() > deadline) throw new Error(`It did not come to pass within ${milliseconds} ms.`);
    await sleep(20);
  }
}

/** What was sampled, call by call. */
export function sampledIds(record: RolloutRecord): number[][] {
  return record.calls.map((call) => call.tokens!.sampled);
}
