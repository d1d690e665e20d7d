/** A process as something that can't be confused with a later one that got the same pid. */
import { execFileSync, type ChildProcess } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import type { ProcessStamp } from '../protocol/trace.ts';

const windows = process.platform === 'win32';

/** Of a process that was started a moment ago. Where it was not, or is gone already, nothing is ever taken for it. */
export function startedStamp({ pid }: ChildProcess): ProcessStamp {
  return (pid === undefined ? undefined : stampOf(pid)) ?? { pid: pid ?? 0, started: 'unknown' };
}

/** Of this process, or of one that it has started just now: on Windows the time is told by us. */
export function stampOf(pid: number): ProcessStamp | undefined {
  const started = windows ? (isUsed(pid) ? String(Math.round(pid === process.pid ? performance.timeOrigin : Date.now())) : undefined) : startTime(pid);
  return started === undefined ? undefined : { pid, started };
}

/**
 * Whether it is up. To ask Windows when a process was started takes half a second, so there any process under its pid is taken for it
 * here; whoever would end it or take its place asks `isStill`.
 */
export function isAlive(stamp: ProcessStamp): boolean {
  return windows ? isUsed(stamp.pid) : startTime(stamp.pid) === stamp.started;
}

/** Whether it is up, and nobody else under its pid. */
export function isStill(stamp: ProcessStamp): boolean {
  return windows ? isStillOnWindows(stamp) : isAlive(stamp);
}

/** Kills exactly that process, not its successor under the same pid. */
export function killStamped(stamp: ProcessStamp): boolean {
  if (!isStill(stamp)) return false;
  try {
    process.kill(stamp.pid, 'SIGKILL');
    return true;
  } catch {
    return false;
  }
}

function startTime(pid: number): string | undefined {
  try {
    if (process.platform !== 'linux') return startTimeByPs(pid);
    const stat = readFileSync(`/proc/${pid}/stat`, 'utf8');
    // The command name, in parentheses, may itself contain spaces and parentheses.
    const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
    return fields[0] === 'Z' ? undefined : fields[19];
  } catch {
    return undefined;
  }
}

/** macOS. An editor started from the Dock has no language, a terminal has one, and both must read the same; so must they after a journey. */
export function startTimeByPs(pid: number): string | undefined {
  const env = { ...process.env, LC_ALL: 'C', TZ: 'UTC' };
  const told = execFileSync('ps', ['-o', 'stat=', '-o', 'lstart=', '-p', String(pid)], { encoding: 'utf8', env, stdio: ['ignore', 'pipe', 'ignore'] });
  const [, state, started] = /^(\S+)\s+(\S.*?)\s*$/.exec(told.trim()) ?? [];
  return state === undefined || state.startsWith('Z') ? undefined : started;
}

/** Between the start of a process and when we tell it may lie as much, on a busy machine. */
const LATE_MS = 10_000;
/** So long nobody asks again for what was found. */
const BELIEVED_MS = 10_000;
const believed = new Map<string, number>();

export function isStillOnWindows({ pid, started }: ProcessStamp, ask = askWindows): boolean {
  if (!isUsed(pid)) return false;
  const key = `${pid} ${started}`;
  if (Date.now() - (believed.get(key) ?? -Infinity) < BELIEVED_MS) return true;
  const began = pid === process.pid ? performance.timeOrigin : ask(pid);
  if (began === undefined || !(Math.abs(began - Number(started)) < LATE_MS)) return false;
  believed.set(key, Date.now());
  return true;
}

function askWindows(pid: number): number | undefined {
  // By its whole path: a bare name would be looked for in the project first.
  const shell = join(process.env.SystemRoot ?? 'C:\\Windows', 'System32/WindowsPowerShell/v1.0/powershell.exe');
  try {
    return timeOfFileTime(execFileSync(shell, ['-NoProfile', '-NonInteractive', '-Command', `(Get-Process -Id ${pid}).StartTime.ToFileTimeUtc()`], {
      encoding: 'utf8', stdio: ['ignore', 'pipe', 'ignore'], timeout: LATE_MS, windowsHide: true,
    }));
  } catch {
    return undefined;
  }
}

/** Windows counts tenths of microseconds from 1601 on. */
export function timeOfFileTime(text: string): number {
  return Number(BigInt(text.trim()) / 10_000n) - 11_644_473_600_000;
}

function isUsed(pid: number): boolean {
  try {
    return process.kill(pid, 0);
  } catch (error) {
    return (error as NodeJS.ErrnoException).code === 'EPERM';
  }
}
