/** What a rollout can be compared with. */
import type { Kin } from '../../../runtime/protocol/viewer.ts';
import type { RolloutTable } from '../../../runtime/view/rollout-table.ts';

export const KINDS = ['group', 'steps', 'forks', 'marked'] as const;
export type Kind = (typeof KINDS)[number];

const MOST = 16;
const FORK = /f\d+$/;

/** Rollouts of each kind, best first where they are a group. A kind of fewer than two is no comparison. */
export function candidatesOf(table: RolloutTable, rollout: string, marked: readonly string[], kin: readonly Kin[]): Partial<Record<Kind, string[]>> {
  const row = table.place(rollout);
  if (row === -1) return {};
  const { step, sample, reward } = table.numbers;
  const group: number[] = [];
  const ofTask: number[] = [];
  const forks: number[] = [];
  let root = rollout;
  while (FORK.test(root)) root = root.replace(FORK, '');
  for (let other = 0; other < table.count; other++) {
    if (table.task[other] === table.task[row] && table.codes.split[other] === table.codes.split[row]) {
      if (step[other] === step[row]) group.push(other);
      else if (sample[other] === sample[row]) ofTask.push(other);
    }
    const id = table.ids[other]!;
    if (id === root || (id.startsWith(root) && FORK.test(id) && id[root.length] === 'f')) forks.push(other);
  }
  group.sort((a, b) => (reward[b]! || 0) - (reward[a]! || 0) || a - b);
  const steps = [row, ...ofTask].sort((a, b) => step[a]! - step[b]!);
  const found: Record<Kind, string[]> = {
    group: around(group, row).map((one) => table.ids[one]!), steps: around(steps, row).map((one) => table.ids[one]!),
    forks: withKin(around(forks, row).map((one) => table.ids[one]!), kin),
    marked: marked.filter((id) => table.place(id) !== -1).slice(0, MOST),
  };
  return Object.fromEntries(Object.entries(found).filter(([, ids]) => ids.length > 1));
}

/** Parents first; of the forks the newest. */
function withKin(own: readonly string[], kin: readonly Kin[]): string[] {
  const keys = (kind: Kin['kind']): string[] => kin.filter((one) => one.kind === kind && one.gone === undefined).map(({ key }) => key);
  const before = [...keys('parent'), ...own].slice(0, MOST);
  const room = MOST - before.length;
  return room === 0 ? before : [...before, ...keys('fork').slice(-room)];
}

/** As many as can be shown, spread evenly, with this one among them. */
function around(rows: readonly number[], own: number): number[] {
  if (rows.length <= MOST) return [...rows];
  const kept = new Set(Array.from({ length: MOST - 1 }, (_, i) => rows[Math.round((i * (rows.length - 1)) / (MOST - 2))]!));
  kept.add(own);
  return rows.filter((row) => kept.has(row));
}
