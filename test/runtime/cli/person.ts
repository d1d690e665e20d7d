/** A person at a terminal: types commands in a folder of her own, reads what comes, presses Ctrl-C. */
import { spawn, type ChildProcess } from 'node:child_process';
import { mkdtempSync, realpathSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';

export const bin = fileURLToPath(new URL('../../../runtime/cli/bin.mjs', import.meta.url));
export const repository = fileURLToPath(new URL('../../../', import.meta.url));

export interface Said {
  code: number | null;
  out: string;
  err: string;
}

export class Person {
  readonly home: string;
  readonly env: NodeJS.ProcessEnv;
  cwd: string;

  constructor() {
    this.home = realpathSync(mkdtempSync(join(tmpdir(), 'tuning-fork-cli-')));
    this.cwd = this.home;
    const { CI: _ci, NO_COLOR: _no, FORCE_COLOR: _force, npm_command: _npm, COLUMNS: _columns, TUNING_FORK_NODE: _node, NODE_TEST_CONTEXT: _test, ...env } = process.env;
    this.env = { ...env, TUNING_FORK_RUNTIME_DIR: join(this.home, '.runtime'), TUNING_FORK_IDLE_MS: '2000', LANG: 'C', LC_ALL: 'C', TUNING_FORK_LANG: 'en' };
  }

  start(args: string[], env: NodeJS.ProcessEnv = {}): Running {
    return new Running(spawn(process.execPath, [bin, ...args], { cwd: this.cwd, env: { ...this.env, ...env }, stdio: ['ignore', 'pipe', 'pipe'] }));
  }

  type(line: string, env: NodeJS.ProcessEnv = {}): Promise<Said> {
    return this.start(line.split(' '), env).ended;
  }

  /** The lines of `--json`, each of which must be one object with a type. */
  async json(line: string): Promise<{ code: number | null; lines: ({ type: string } & Record<string, unknown>)[] }> {
    const { code, out, err } = await this.type(`${line} --json`);
    if (err !== '') throw new Error(`${line} --json wrote to stderr: ${err}`);
    return { code, lines: out.split('\n').slice(0, -1).map((each) => JSON.parse(each) as { type: string }) };
  }

  write(file: string, text: string): void {
    writeFileSync(join(this.cwd, file), text);
  }

  async leave(): Promise<void> {
    await this.type('stop --force');
    rmSync(this.home, { recursive: true, force: true, maxRetries: 5, retryDelay: 200 });
  }
}

export class Running {
  readonly process: ChildProcess;
  readonly ended: Promise<Said>;
  out = '';
  err = '';

  constructor(child: ChildProcess) {
    this.process = child;
    child.stdout!.setEncoding('utf8').on('data', (chunk: string) => { this.out += chunk; });
    child.stderr!.setEncoding('utf8').on('data', (chunk: string) => { this.err += chunk; });
    this.ended = new Promise((resolve) => child.once('close', (code) => resolve({ code, out: this.out, err: this.err })));
  }

  /** Resolves once `pattern` was written to either stream. */
  async says(pattern: RegExp): Promise<void> {
    const deadline = Date.now() + 20_000;
    while (!pattern.test(this.out + this.err)) {
      if (Date.now() > deadline || this.process.exitCode !== null) throw new Error(`It never said ${pattern}: ${this.out}${this.err}`);
      await new Promise((resolve) => setTimeout(resolve, 20));
    }
  }

  ctrlC(): void {
    this.process.kill('SIGINT');
  }
}

/** A workflow that takes its time: each rollout waits before it asks the model. */
export function slowWorkflow(milliseconds: number): string {
  return `import { Workflow, WorkflowOutput, type ModelTuner, type WorkflowTask } from 'tuning-fork';

export class MyWorkflow extends Workflow {
  name = 'slow';

  async execute({ task, signal }: WorkflowTask, tuner: ModelTuner): Promise<WorkflowOutput> {
    await new Promise((resolve) => setTimeout(resolve, ${milliseconds}));
    const reply = await tuner.call([{ role: 'user', content: task.mainQuery }], { signal });
    return new WorkflowOutput({ reward: 1, metadata: { finalAnswer: reply.text } });
  }
}
`;
}
