/** The words that `python -m tuning_fork_gpu serve` is started with. */
import type { GpuSettings } from './settings.ts';

export interface ServeArguments extends Partial<Omit<GpuSettings, 'place'>> {
  model: string;
  host: string;
  port: number;
  tokenFile: string;
  /** It ends with whoever started it. */
  withParent?: boolean;
  certificate?: string | undefined;
  key?: string | undefined;
  insecure?: boolean;
  /** Folder of checkpoints that are asked for from another machine. */
  keep?: string | undefined;
}

export function serveArguments(given: ServeArguments): string[] {
  const value = (name: string, content: string | number | undefined): string[] => (content === undefined ? [] : [`--${name}`, String(content)]);
  const on = (name: string, set: boolean | undefined): string[] => (set ? [`--${name}`] : []);
  const lora = given.loraRank !== undefined && given.loraRank > 0;
  return [
    '-m', 'tuning_fork_gpu', 'serve',
    ...value('model', given.model), ...value('host', given.host), ...value('port', given.port), ...value('token-file', given.tokenFile),
    ...value('device', given.device), ...value('dtype', given.dtype), ...value('lora-rank', given.loraRank),
    ...(lora ? [...value('lora-alpha', given.loraAlpha), ...value('lora-targets', given.loraTargets)] : []),
    ...on('gradient-checkpointing', given.gradientCheckpointing), ...on('offload-optimizer', given.offloadOptimizer),
    ...value('tls-cert', given.certificate), ...value('tls-key', given.key), ...on('insecure', given.insecure), ...value('keep', given.keep), ...on('with-parent', given.withParent),
  ];
}
