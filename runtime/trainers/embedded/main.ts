/** The trainer's process. Whoever forks it gets its address over IPC; it ends when they do. */
import { randomBytes } from 'node:crypto';
import { availableParallelism } from 'node:os';
import { errorInfo, type ErrorInfo } from '../../protocol/errors.ts';
import type { TrainerAddress } from '../../protocol/trainer.ts';
import { TrainerServer } from './server.ts';
import { EmbeddedTrainer } from './trainer.ts';

export interface TrainerStart {
  directory: string;
  threads?: number;
  heartbeatMs?: number;
  bodyLimit?: number;
  /** Where checkpoints with a relative folder go; absent: there are none such. */
  keep?: string;
}

export type TrainerNews = { address: TrainerAddress } | { error: ErrorInfo };

// Ctrl-C in a terminal reaches the whole group; only who started us decides when to end.
process.on('SIGINT', () => {});
process.on('disconnect', () => process.exit(0));
process.on('uncaughtException', fatal);
process.on('unhandledRejection', fatal);

const start = JSON.parse(process.argv[2]!) as TrainerStart;
try {
  const trainer = await EmbeddedTrainer.open({ directory: start.directory, keep: start.keep, threads: start.threads ?? availableParallelism(), onFatal: fatal });
  const drain = (): void => void trainer.close().then(() => process.exit(0), fatal);
  process.on('SIGTERM', drain);
  const server = new TrainerServer(trainer, {
    token: randomBytes(32).toString('base64url'),
    heartbeatMs: start.heartbeatMs ?? 5_000,
    bodyLimit: start.bodyLimit ?? 2 ** 29,
    onShutdown: drain,
  });
  process.send!({ address: await server.listen() } satisfies TrainerNews);
} catch (error) {
  process.send!({ error: errorInfo(error, 'trainer') } satisfies TrainerNews, undefined, undefined, () => process.exit(1));
}

function fatal(error: unknown): void {
  console.error(new Date().toISOString(), error);
  process.exit(1);
}
