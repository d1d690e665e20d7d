/** Whether the processes of a run are up, what memory they hold, and how busy they are. */
import { execFile } from 'node:child_process';
import { readFile } from 'node:fs/promises';
import { promisify } from 'node:util';
import { isAlive } from '../processes/stamp.ts';
import type { ProcessSeen } from '../protocol/dashboard.ts';
import type { ProcessStamp, RunInfo } from '../protocol/trace.ts';

const run = promisify(execFile);
/** Of `/proc/<pid>/stat`; the same on every Linux we know. */
const TICKS = 100;
const PAGE = 4096;

interface Look {
  command: string;
  memory: number;
  /** Seconds of processor time so far. */
  used: number;
}

export class Processes {
  readonly #before = new Map<number, { at: number; used: number; busy: number | null }>();

  async of({ backbone, workers = [] }: RunInfo): Promise<ProcessSeen[]> {
    const stamps: [ProcessStamp, ProcessSeen['name']][] = [...(backbone === undefined ? [] : [[backbone, 'backbone'] as [ProcessStamp, 'backbone']]), ...workers.map((stamp): [ProcessStamp, 'worker'] => [stamp, 'worker'])];
    return Promise.all(stamps.map(([stamp, name]) => this.#see(stamp, name)));
  }

  async #see(stamp: ProcessStamp, name: ProcessSeen['name']): Promise<ProcessSeen> {
    const { pid } = stamp;
    const seen = isAlive(stamp) ? await look(pid) : undefined;
    if (seen === undefined) return { name, pid, up: isAlive(stamp), memory: null, busy: null };
    return { name: seen.command.includes('trainers') ? 'trainer' : name, pid, up: true, memory: seen.memory, busy: this.#busy(pid, seen.used) };
  }

  #busy(pid: number, used: number): number | null {
    const at = performance.now() / 1_000;
    const before = this.#before.get(pid);
    if (before !== undefined && at - before.at < 0.5) return before.busy;
    const busy = before === undefined ? null : Math.max(0, (used - before.used) / (at - before.at));
    this.#before.set(pid, { at, used, busy });
    return busy;
  }
}

async function look(pid: number): Promise<Look | undefined> {
  try {
    if (process.platform === 'linux') {
      const [stat, command] = await Promise.all([readFile(`/proc/${pid}/stat`, 'utf8'), readFile(`/proc/${pid}/cmdline`, 'utf8')]);
      const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
      return { command, memory: Number(fields[21]) * PAGE, used: (Number(fields[11]) + Number(fields[12])) / TICKS };
    }
    if (process.platform === 'win32') return undefined;
    // Else a German says 0:01,5.
    const { stdout } = await run('ps', ['-o', 'rss=,time=,args=', '-p', String(pid)], { env: { ...process.env, LC_ALL: 'C' } });
    const [rss = '', time = '', ...command] = stdout.trim().split(/\s+/);
    const used = time.split(/[-:]/).reduce((sum, part) => sum * 60 + Number(part), 0);
    return { command: command.join(' '), memory: Number(rss) * 1024, used };
  } catch {
    return undefined;
  }
}
