/** A process as something that can't be confused with a later one that got the same pid. */
import { execFileSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import type { ProcessStamp } from '../protocol/trace.ts';

export function stampOf(pid: number): ProcessStamp | undefined {
  const started = startTime(pid);
  return started === undefined ? undefined : { pid, started };
}

export function isAlive(stamp: ProcessStamp): boolean {
  return startTime(stamp.pid) === stamp.started;
}

/** Kills exactly that process, not its successor under the same pid. */
export function killStamped(stamp: ProcessStamp): boolean {
  if (!isAlive(stamp)) return false;
  try {
    process.kill(stamp.pid, 'SIGKILL');
    return true;
  } catch {
    return false;
  }
}

function startTime(pid: number): string | undefined {
  try {
    if (process.platform === 'linux') {
      const stat = readFileSync(`/proc/${pid}/stat`, 'utf8');
      // The command name, in parentheses, may itself contain spaces and parentheses.
      const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
      return fields[0] === 'Z' ? undefined : fields[19];
    }
    if (process.platform === 'win32') {
      const query = `(Get-Process -Id ${pid}).StartTime.ToFileTimeUtc()`;
      return execFileSync('powershell', ['-NoProfile', '-Command', query], { encoding: 'utf8', stdio: ['ignore', 'pipe', 'ignore'] }).trim() || undefined;
    }
    return execFileSync('ps', ['-o', 'lstart=', '-p', String(pid)], { encoding: 'utf8', stdio: ['ignore', 'pipe', 'ignore'] }).trim() || undefined;
  } catch {
    return undefined;
  }
}
