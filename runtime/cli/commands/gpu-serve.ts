/** The GPU runtime in the foreground, on whichever machine has the GPU. */
import { spawn } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { once } from 'node:events';
import { chmod, mkdir, open, readFile, stat } from 'node:fs/promises';
import { createServer } from 'node:net';
import { dirname, join, resolve } from 'node:path';
import { createInterface } from 'node:readline';
import { embedded } from '../../policy/open.ts';
import { fromErrorInfo, TuningForkError } from '../../protocol/errors.ts';
import { localize } from '../../protocol/localize.ts';
import type { ServeLine } from '../../protocol/trainer.ts';
import { isLoopback } from '../../serve/server.ts';
import { TrainerClient } from '../../trainers/client.ts';
import { serveArguments } from '../../trainers/gpu/arguments.ts';
import { gpuPython } from '../../trainers/gpu/environment.ts';
import { GPU_PORT, homeOf, tokenFile } from '../../trainers/gpu/home.ts';
import { readLine } from '../../trainers/gpu/process.ts';
import { pythonEnvironment } from '../../trainers/gpu/python.ts';
import { GPU_ENV } from '../../trainers/gpu/settings.ts';
import type { Args } from '../args.ts';
import { onInterrupt } from '../interrupt.ts';
import { errPaint, EXIT, note, paint, print, printJson } from '../io.ts';
import { language, t } from '../l10n.ts';
import { describeError } from '../report.ts';

const LARGEST_PORT = 65_535;

export async function serveGpu(args: Args): Promise<number> {
  const model = args.text('model');
  if (model === undefined) throw new TuningForkError('usage', t('--{0} <{1}> is missing.', 'model', 'model'), { next: t('For example: {0}', '--model Qwen/Qwen2.5-0.5B-Instruct') });
  const port = args.number('port') ?? GPU_PORT;
  if (port > LARGEST_PORT) throw new TuningForkError('usage', t('--port is at most {0}, not {1}.', LARGEST_PORT, port), { next: t('Leave it out for {0}, or write 0 for a free one.', GPU_PORT) });
  const host = args.text('host') ?? '127.0.0.1';
  const [certificate, key] = [args.text('tls-cert'), args.text('tls-key')];
  if ((certificate === undefined) !== (key === undefined)) throw new TuningForkError('usage', t('--tls-cert and --tls-key belong together.'), { next: t('Name both files.') });
  if (!isLoopback(host) && certificate === undefined && !args.on('insecure')) {
    throw new TuningForkError('usage', t('Other machines reach {0}, and token and rollouts would travel unencrypted.', host), {
      next: t('Leave --host out and use gpu.ssh, or give --tls-cert and --tls-key; --insecure is for a network you trust.'),
    });
  }
  await needAddress(host, port);
  const python = gpuPython(args.text('python') ?? process.env[GPU_ENV.python], process.env);
  const token = resolve(args.text('token-file') ?? tokenFile());
  await keepToken(token);
  const words = serveArguments({
    model: model === 'embedded' ? embedded : model, host, port, tokenFile: token, certificate, key, insecure: args.on('insecure'), withParent: true,
    keep: resolve(args.text('keep') ?? join(homeOf(), 'checkpoints')), device: args.text('device'), dtype: args.text('dtype'),
    loraRank: args.number('lora-rank'), loraAlpha: args.number('lora-alpha'), loraTargets: args.text('lora-targets'),
    gradientCheckpointing: args.on('gradient-checkpointing'), offloadOptimizer: args.on('offload-optimizer'),
  });
  return run(python, words, { json: args.on('json'), token, asked: { host, certificate, tokenFile: args.text('token-file') === undefined ? undefined : token } });
}

/** Told before minutes of loading. */
async function needAddress(host: string, port: number): Promise<void> {
  const server = createServer();
  try {
    await once(server.listen(port, host), 'listening');
  } catch (cause) {
    const { code, message } = cause as NodeJS.ErrnoException;
    const next = t('Choose another --port (0: a free one) or --host, or end what listens there.');
    if (code === 'EADDRINUSE') throw new TuningForkError('usage', t('Port {0} of {1} is taken.', port, host), { cause, next });
    throw new TuningForkError('usage', code === 'EADDRNOTAVAIL' || code === 'ENOTFOUND' ? t('{0} is no address of this machine.', host) : t('{0}:{1} cannot be listened at: {2}', host, port, message), { cause, next });
  } finally {
    server.close();
  }
}

/** Only its owner reads it. */
async function keepToken(file: string): Promise<void> {
  try {
    await mkdir(dirname(file), { recursive: true, mode: 0o700 });
    const there = await readFile(file, 'utf8').catch(() => undefined);
    if (there === undefined || there.trim() === '') {
      const handle = await open(file, 'w', 0o600);
      await handle.writeFile(`${randomBytes(32).toString('base64url')}\n`).finally(() => handle.close());
    }
  } catch (cause) {
    throw new TuningForkError('usage', t('The token cannot be kept in {0}: {1}', file, (cause as Error).message), { cause, next: t('Name another file with --token-file.') });
  }
  if (process.platform !== 'win32' && ((await stat(file)).mode & 0o077) !== 0) await chmod(file, 0o600);
}

async function run(python: string, words: string[], { json, token, asked }: { json: boolean; token: string; asked: Asked }): Promise<number> {
  const child = spawn(python, words, { env: pythonEnvironment(process.env), stdio: ['pipe', 'pipe', 'inherit'], windowsHide: true });
  let ending = false;
  let url: string | undefined;
  using _interrupt = onInterrupt(() => {
    if (ending) process.exit(EXIT.cancelled);
    ending = true;
    if (!json) note(t('Ending what is under way; Ctrl-C again leaves at once.'));
    void endByRequest(url, token, asked.certificate).catch(() => child.kill('SIGTERM'));
  });
  const ended = Promise.withResolvers<number>();
  createInterface({ input: child.stdout }).on('line', (text) => {
    const line = readLine(text);
    if (line === undefined) return note(text);
    if ('error' in line) return ended.reject(fromErrorInfo(line.error));
    if ('address' in line) url = line.address.url;
    if (json) tellMachine(line, token);
    else tellPerson(line, token, asked);
  });
  child.once('error', (cause) => ended.reject(new TuningForkError('trainer', t('There is no Python at {0}.', python), { cause, next: t('Run "{0}".', 'tuning-fork gpu setup') })));
  child.once('close', (code) => ended.resolve(ending ? EXIT.ok : code === 0 ? EXIT.ok : EXIT.failed));
  const code = await ended.promise;
  if (json) printJson({ type: 'stopped' });
  return code;
}

/** On Windows a signal would be the end of it at once. Rejects where nobody answers yet, or not to this machine. */
async function endByRequest(url: string | undefined, tokenFile: string, certificate: string | undefined): Promise<void> {
  if (url === undefined) throw new Error('still loading');
  const client = new TrainerClient({ url, token: (await readFile(tokenFile, 'utf8')).trim(), ...(certificate !== undefined && { certificate: await readFile(certificate, 'utf8') }) });
  await client.shutdown().finally(() => client.close());
}

/** Of what was asked for: how others get here. */
interface Asked {
  host: string;
  certificate: string | undefined;
  /** Absent: the usual one. */
  tokenFile: string | undefined;
}

type Told = Exclude<ServeLine, { error: unknown }>;

function tellMachine(line: Told, token: string): void {
  if ('address' in line) printJson({ type: 'serving', url: line.address.url, tokenFile: token });
  else if ('notice' in line) printJson({ type: 'notice', notice: line.notice });
  else printJson({ type: 'progress', text: line.progress });
}

function tellPerson(line: Told, token: string, asked: Asked): void {
  if ('progress' in line) return note(errPaint.dim(localize(line.progress, language)));
  if ('notice' in line) return note(`${errPaint.yellow('!')} ${describeError(line.notice, errPaint)}`);
  print(`${paint.green('✓')} ${t('The GPU runtime answers at {0}.', line.address.url)}`);
  print(`  ${t('token')}  ${token}`);
  print(`\n${t('In the configuration of a training on another machine:')}`);
  print(`  backbone: gpu\n  gpu: { ${wayTo(line.address.url, asked)} }`);
  if (!isLoopback(asked.host)) print(`\n${t('TUNING_FORK_GPU_TOKEN there is the content of the token file here.')}`);
}

/** As another machine gets here: what listens to the network by its address, else by a tunnel. */
function wayTo(url: string, { host, certificate, tokenFile }: Asked): string {
  if (isLoopback(host)) return [`ssh: ${t('<this machine, as ssh knows it>')}`, `url: ${url}`, ...(tokenFile === undefined ? [] : [`token_file: ${tokenFile}`])].join(', ');
  const { protocol, port } = new URL(url);
  const everywhere = host === '0.0.0.0' || host === '::';
  const address = everywhere ? `${protocol}//${t('<this machine>')}:${port}` : url;
  return [`url: "${address}"`, 'token: "${TUNING_FORK_GPU_TOKEN}"', certificate === undefined ? 'insecure: true' : `certificate: ${t('<a copy of {0}>', certificate)}`].join(', ');
}
