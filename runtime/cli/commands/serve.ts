import { openPolicy } from '../../policy/open.ts';
import type { TokenPolicy } from '../../policy/policy.ts';
import { TuningForkError } from '../../protocol/errors.ts';
import { localize } from '../../protocol/localize.ts';
import { isLoopback, serveModel, type ModelServer, type Served } from '../../serve/server.ts';
import { wholeNumber, type Args, type Command } from '../args.ts';
import { count, duration } from '../format.ts';
import { onInterrupt } from '../interrupt.ts';
import { errPaint, EXIT, note, out, paint, print, printJson } from '../io.ts';
import { language, plural, t } from '../l10n.ts';
import { describeError } from '../report.ts';
import { clip, fit } from '../terminal.ts';

const KEY_VARIABLE = 'TUNING_FORK_API_KEY';
const LARGEST_PORT = 65_535;

export const serve: Command = {
  name: 'serve',
  summary: 'Serve a model as an OpenAI-compatible API, to use what was trained',
  usage: '<model> [options]',
  about: [
    'The model is "embedded" or a folder of weights, such as a checkpoint. Any OpenAI client can use it: chat completions with streams, tools, seeds and log-probabilities.',
    'Ctrl-C takes no more requests, lets those under way end, and leaves.',
  ],
  examples: [
    'tuning-fork serve embedded',
    'tuning-fork serve runs/countdown/countdown/2026-01-01_12-00-00/checkpoints/best --port 8000',
  ],
  options: {
    port: { value: 'port', short: 'p', help: 'Where to listen (default: a free one)', number: wholeNumber(0) },
    host: { value: 'address', help: 'Address to listen at (default: 127.0.0.1, this machine only)' },
    insecure: { help: 'Allow a --host that other machines reach: requests and key travel unencrypted' },
    'api-key': { value: 'key', help: `Key that clients must bring (default: $${KEY_VARIABLE}, else a random one)` },
  },
  words: { least: 1, most: 1 },
  run: async (args) => {
    const host = hostOf(args);
    const port = portOf(args);
    const key = keyOf(args);
    const policy = await openTokens(args.words[0]!, args.on('json'));
    const json = args.on('json');
    const server = await serveModel({ policy, host, port, apiKey: key.value, onServed: (request) => (json ? printJson({ type: 'request', time: Date.now(), ...request }) : print(logLine(request))) });
    const { baseURL, apiKey } = server;
    if (json) printJson({ type: 'serving', baseURL, apiKey, model: policy.label, contextLength: policy.contextLength });
    else tell(server, policy, key.secret);
    await interrupted(server, json);
    if (json) printJson({ type: 'stopped' });
    await policy.close();
    return EXIT.ok;
  },
};

function hostOf(args: Args): string | undefined {
  const host = args.text('host');
  if (host === undefined || isLoopback(host) || args.on('insecure')) return host;
  throw new TuningForkError('usage', t('Other machines reach {0}, and requests and key travel unencrypted.', host), {
    next: t('Repeat the command with --insecure if that is meant; an SSH tunnel to 127.0.0.1 is safer.'),
  });
}

function portOf(args: Args): number | undefined {
  const port = args.number('port');
  if (port === undefined || port <= LARGEST_PORT) return port;
  throw new TuningForkError('usage', t('--port is at most {0}, not {1}.', LARGEST_PORT, port), { next: t('Leave it out: a free one is taken.') });
}

/** `secret`: it came from the environment, so it is not shown. */
function keyOf(args: Args): { value: string | undefined; secret: boolean } {
  const given = args.text('api-key');
  const value = given ?? process.env[KEY_VARIABLE];
  if (value === undefined || /^[\x21-\x7e]+$/.test(value)) return { value, secret: given === undefined && value !== undefined };
  throw new TuningForkError('usage', t('{0} must be printable ASCII characters without spaces.', given === undefined ? KEY_VARIABLE : '--api-key'), { next: t('Leave it out: a random one is made and shown.') });
}

async function openTokens(model: string, json: boolean): Promise<TokenPolicy> {
  const policy = await openPolicy(model, {
    dir: process.cwd(),
    listener: json ? undefined : { progress: (text) => note(errPaint.dim(localize(text, language))), notice: (notice) => note(`${errPaint.yellow('!')} ${describeError(notice, errPaint)}`) },
  });
  if (policy.kind === 'tokens') return policy;
  throw new TuningForkError('usage', t('{0} has a server of its own.', model), { next: t('Serve "embedded" or a folder of weights.') });
}

function tell({ baseURL, apiKey }: ModelServer, { label, contextLength }: TokenPolicy, secret: boolean): void {
  const row = (name: string, value: string, more = ''): void => print(`  ${paint.dim(name.padEnd(10))}${value}${more === '' ? '' : `  ${paint.dim(more)}`}`);
  print(`${paint.green('●')} ${paint.bold(t('Serving {0}', fit(label, 60)))} ${paint.dim(`· ${t('{0} tokens of context', count(contextLength))}`)}`);
  row('base URL', paint.bold(baseURL));
  row('API key', secret ? `$${KEY_VARIABLE}` : paint.bold(apiKey));
  row('model', label, t('any other name means it too'));
  const body = JSON.stringify({ model: label, messages: [{ role: 'user', content: 'Hello' }] });
  print();
  print(paint.dim(t('In a shell:')));
  print(`  curl ${baseURL}/chat/completions \\
    -H ${secret ? `"Authorization: Bearer $${KEY_VARIABLE}"` : inShell(`Authorization: Bearer ${apiKey}`)} -H 'Content-Type: application/json' \\
    -d ${inShell(body)}`);
  print();
  print(paint.dim(t('In TypeScript:')));
  print(`  import OpenAI from 'openai';

  const client = new OpenAI({ baseURL: '${baseURL}', apiKey: ${secret ? `process.env.${KEY_VARIABLE}` : quoted(apiKey)} });
  const answer = await client.chat.completions.create({ model: ${quoted(label)}, messages: [{ role: 'user', content: 'Hello' }] });
  console.log(answer.choices[0]?.message.content);`);
  print();
  print(paint.dim(t('Ctrl-C ends it.')));
}

function inShell(text: string): string {
  return `'${text.replaceAll("'", "'\\''")}'`;
}

function quoted(text: string): string {
  return `'${text.replaceAll(/['\\]/g, '\\$&')}'`;
}

/** `10:22:31  POST /v1/chat/completions  200  20 (0 cached) → 38 tokens  25 ms` */
function logLine({ method, path, status, milliseconds, usage, finish, error, left }: Served): string {
  const time = new Date().toTimeString().slice(0, 8);
  const code = left ? paint.yellow(t('left')) : status >= 400 || error !== undefined ? paint.red(String(status)) : paint.green(String(status));
  const tokens = usage === undefined ? [] : [t('{0} ({1} cached) → {2} tokens', count(usage.prompt), count(usage.cached), count(usage.completion))];
  const cut = finish === 'length' ? [paint.yellow(t('cut off'))] : [];
  const why = error === undefined || left ? [] : [fit(error.message, 120)];
  const line = [paint.dim(time), `${method} ${fit(path, 60)}`, code, ...tokens, ...cut, duration(milliseconds), ...why].join('  ');
  return out.interactive ? clip(line, out.width) : line;
}

/** Until Ctrl-C and the end of what was under way; a second one leaves at once. */
async function interrupted(server: ModelServer, json: boolean): Promise<void> {
  const { promise, resolve, reject } = Promise.withResolvers<void>();
  let ending = false;
  using _interrupt = onInterrupt(() => {
    if (ending) process.exit(EXIT.cancelled);
    ending = true;
    if (!json && server.calls > 0) note(t('Ending {0}; Ctrl-C again leaves at once.', plural(server.calls, '{0} request', '{0} requests')));
    server.drain().then(resolve, reject);
  });
  await promise;
}
