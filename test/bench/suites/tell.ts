import { writeFileSync } from 'node:fs';

export function tell(value: unknown): void {
  writeFileSync(process.env.TUNING_FORK_BENCH_TOLD!, JSON.stringify(value));
}

export function pause(ms: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, ms));
}
