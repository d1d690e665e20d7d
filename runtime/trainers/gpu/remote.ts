/** A GPU runtime that runs already, by its address or behind SSH. */
import { readFile } from 'node:fs/promises';
import { setTimeout as sleep } from 'node:timers/promises';
import { TuningForkError, type ErrorCode } from '../../protocol/errors.ts';
import type { TrainerAddress } from '../../protocol/trainer.ts';
import { TrainerClient } from '../client.ts';
import type { RunningTrainer, TrainerListener } from '../running.ts';
import { GPU_PORT, tokenFile, type Environment } from './home.ts';
import type { GpuPlace } from './settings.ts';
import { openTunnel, readOver, type Tunnel } from './tunnel.ts';

type Remote = Exclude<GpuPlace, { kind: 'here' }>;

const RETRY_MS = 2_000;
/** Waiting changes nothing of these. */
const LASTING: ReadonlySet<ErrorCode> = new Set(['auth', 'protocol', 'config']);

export interface RemoteOptions extends TrainerListener {
  env: Environment;
  /** How long to wait for one that does not answer: it may be restarting. */
  patienceMs?: number;
  signal?: AbortSignal;
}

export async function reachGpu(place: Remote, options: RemoteOptions): Promise<RunningTrainer> {
  const deadline = performance.now() + (options.patienceMs ?? 0);
  for (let told = false; ; told = true) {
    try {
      return await (place.kind === 'ssh' ? throughTunnel(place) : atAddress(place, options.env));
    } catch (error) {
      if (!(error instanceof TuningForkError) || LASTING.has(error.code) || performance.now() > deadline) throw error;
      if (!told) options.notice?.({ code: 'trainer-gone', message: `${error.message} Trying again for ${Math.round((options.patienceMs ?? 0) / 60_000)} minutes.`, next: 'Start "tuning-fork gpu serve" there again; the training then goes on.' });
      await sleep(RETRY_MS, undefined, { signal: options.signal }).catch(() => options.signal?.throwIfAborted());
    }
  }
}

async function atAddress(place: Extract<Remote, { kind: 'url' }>, env: Environment): Promise<RunningTrainer> {
  const certificate = place.certificate === undefined ? undefined : await readFile(place.certificate, 'utf8').catch((cause: unknown) => {
    throw new TuningForkError('config', 'The certificate of the GPU runtime is not there.', { where: { file: place.certificate!, key: 'gpu.certificate' }, cause, next: 'Copy the file of --tls-cert there from the machine that serves.' });
  });
  const { hostname, protocol } = new URL(place.url);
  if (protocol === 'http:' && !place.insecure && !/^(localhost|127\.|\[::1\])/.test(hostname)) {
    throw new TuningForkError('config', `The token and all rollouts would travel to ${hostname} unencrypted.`, {
      where: { file: '', key: 'gpu.url' }, next: 'Use gpu.ssh, or serve with --tls-cert and --tls-key and write https; gpu.insecure: true is for a network you trust.',
    });
  }
  return new RemoteGpu(await answered({ url: place.url, token: place.token ?? await tokenHere(place.tokenFile ?? tokenFile(env)), ...(certificate !== undefined && { certificate }) }));
}

async function throughTunnel(place: Extract<Remote, { kind: 'ssh' }>): Promise<RunningTrainer> {
  const { hostname, port, protocol } = new URL(place.url ?? `http://127.0.0.1:${GPU_PORT}`);
  const token = place.token ?? await readOver(place.host, place.tokenFile ?? '~/.tuning-fork/gpu-token');
  const tunnel = await openTunnel(place.host, { host: hostname.replace(/^\[|\]$/g, ''), port: Number(port) || (protocol === 'https:' ? 443 : 80) });
  try {
    return new RemoteGpu(await answered({ url: `${protocol}//127.0.0.1:${tunnel.port}`, token }, place.host), tunnel);
  } catch (error) {
    tunnel.close();
    throw error instanceof TuningForkError && error.code === 'trainer-gone'
      ? new TuningForkError('trainer-gone', `On ${place.host} nothing answers at ${hostname}:${port}.`, { cause: error, next: 'Start "tuning-fork gpu serve" there.' }) : error;
  }
}

/** Says so now if nobody answers, or the token is wrong. `name`: as a person knows it. */
async function answered(address: TrainerAddress, name = address.url): Promise<TrainerAddress> {
  const client = new TrainerClient(address, { silenceMs: 30_000 });
  try {
    await client.info();
    return address;
  } catch (error) {
    if (!(error instanceof TuningForkError)) throw error;
    if (error.code === 'auth') {
      throw new TuningForkError('auth', `The GPU runtime at ${name} does not take this token.`, { next: 'Copy the content of its token file to TUNING_FORK_GPU_TOKEN, or name the file at gpu.token_file.' });
    }
    if (isUntrusted(error)) {
      throw new TuningForkError('auth', `Nobody this machine knows vouches for the certificate of ${address.url}.`, { cause: error, next: 'Name the file with it at gpu.certificate.' });
    }
    if (codeOf(error) === 'EPROTO') {
      throw new TuningForkError('config', `What answers at ${address.url} does not speak https.`, { cause: error, next: 'Write http in gpu.url, or serve with --tls-cert and --tls-key.' });
    }
    if (codeOf(error) === 'ECONNRESET' && address.url.startsWith('http:')) {
      throw new TuningForkError('trainer-gone', `What answers at ${address.url} hangs up.`, { cause: error, next: 'Write https in gpu.url if it was served with --tls-cert; else look what it says there.' });
    }
    throw error.code === 'trainer-gone' ? new TuningForkError('trainer-gone', `No GPU runtime answers at ${address.url}.`, { cause: error, next: 'Start "tuning-fork gpu serve" there, or correct gpu.url.' }) : error;
  } finally {
    client.close();
  }
}

function isUntrusted(error: TuningForkError): boolean {
  return /CERT|SIGNATURE|ALTNAME/.test(codeOf(error) ?? '');
}

/** Of the connection beneath. */
function codeOf({ cause }: { cause?: unknown }): string | undefined {
  return (cause as NodeJS.ErrnoException | undefined)?.code;
}

async function tokenHere(file: string): Promise<string> {
  const token = await readFile(file, 'utf8').catch((cause: unknown) => {
    throw new TuningForkError('auth', 'The token of the GPU runtime is missing.', { where: { file }, cause, next: 'Set TUNING_FORK_GPU_TOKEN to it, or name its file at gpu.token_file.' });
  });
  return token.trim();
}

class RemoteGpu implements RunningTrainer {
  readonly address: TrainerAddress;
  readonly client: TrainerClient;
  readonly elsewhere = true;
  readonly stamps: RunningTrainer['stamps'];
  readonly #tunnel: Tunnel | undefined;

  constructor(address: TrainerAddress, tunnel?: Tunnel) {
    this.address = address;
    this.client = new TrainerClient(address);
    this.stamps = tunnel === undefined ? [] : [tunnel.stamp];
    this.#tunnel = tunnel;
  }

  async stop(): Promise<void> {
    this.kill();
  }

  kill(): void {
    this.client.close();
    this.#tunnel?.close();
  }
}
