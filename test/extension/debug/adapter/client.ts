/** The least of a debug client. It writes down what was said, request by request, each event where it was waited for. */
import type { DebugProtocol } from '@vscode/debugprotocol';

// What comes back is as the test expects it, or the test fails.
// oxlint-disable-next-line typescript/no-explicit-any
type Body = any;

export interface Wire {
  send(message: DebugProtocol.ProtocolMessage): void;
  onMessage(listen: (message: DebugProtocol.ProtocolMessage) => void): void;
}

type Asked = { command: string; args: object };

export class Client {
  readonly #wire: Wire;
  readonly #answers = new Map<number, (response: DebugProtocol.Response) => void>();
  readonly #events: DebugProtocol.Event[] = [];
  readonly #lines: string[] = [];
  readonly #masks: [string | RegExp, string][];
  #seq = 0;
  /** Events before this place are written down. */
  #told = 0;
  #heard: () => void = () => {};

  constructor(wire: Wire, masks: [string | RegExp, string][] = []) {
    this.#wire = wire;
    this.#masks = masks;
    wire.onMessage((message) => {
      if (message.type === 'response') this.#answers.get((message as DebugProtocol.Response).request_seq)?.(message as DebugProtocol.Response);
      if (message.type !== 'event') return;
      this.#events.push(message as DebugProtocol.Event);
      this.#react(message as DebugProtocol.Event);
      this.#heard();
    });
  }

  get transcript(): string {
    return `${this.#lines.join('\n')}\n`;
  }

  /** The answer's body. */
  async request(command: string, args: object = {}): Promise<Body> {
    const response = await this.#ask({ command, args });
    this.#write({ command, args }, response);
    if (!response.success) throw new Error(sentence(response));
    return response.body ?? {};
  }

  /** One that is refused: the sentence. */
  async refused(command: string, args: object = {}): Promise<string> {
    const response = await this.#ask({ command, args });
    this.#write({ command, args }, response);
    if (response.success) throw new Error(`${command} was not refused.`);
    return sentence(response);
  }

  /** The next event of this name; those before it are passed over, and written down. */
  async event(name: string, fits: (body: Body) => boolean = () => true): Promise<Body> {
    for (let at = this.#told; ;) {
      for (; at < this.#events.length; at++) {
        const { event, body } = this.#events[at]!;
        if (event !== name || !fits(body)) continue;
        this.#tell(at + 1);
        return body;
      }
      const { promise, resolve, reject } = Promise.withResolvers<void>();
      this.#heard = resolve;
      const late = setTimeout(() => {
        this.#tell(this.#events.length);
        reject(new Error(`The event "${name}" did not come. What was said:\n${this.transcript}`));
      }, 15_000);
      await promise.finally(() => clearTimeout(late));
    }
  }

  /** As VS Code starts a session; `launch` is answered last. */
  async launch(launch: object, { breakpoints, filters = [] }: { breakpoints?: object[]; filters?: object[] } = {}): Promise<void> {
    await this.start(launch, { breakpoints, filters }, async (asked) => {
      const response = await asked;
      if (!response.success) throw new Error(sentence(response));
    });
  }

  async start(args: object, { breakpoints, filters = [] }: { breakpoints?: object[]; filters?: object[] }, ended: (response: Promise<DebugProtocol.Response>) => Promise<void>): Promise<void> {
    await this.#ask({ command: 'initialize', args: { adapterID: 'tuning-fork', clientID: 'test', linesStartAt1: true, columnsStartAt1: true, pathFormat: 'path' } });
    await this.event('initialized');
    const launching = this.#ask({ command: 'launch', args });
    if (breakpoints !== undefined) await this.request('setFunctionBreakpoints', { breakpoints });
    if (filters.length > 0) await this.request('setExceptionBreakpoints', { filters: [], filterOptions: filters });
    await this.#ask({ command: 'configurationDone', args: {} });
    this.#write({ command: 'launch', args }, await launching);
    await ended(launching);
  }

  #ask({ command, args }: Asked): Promise<DebugProtocol.Response> {
    const request: DebugProtocol.Request = { seq: ++this.#seq, type: 'request', command, arguments: args };
    return new Promise((resolve) => {
      this.#answers.set(request.seq, resolve);
      this.#wire.send(request);
    });
  }

  /** What js-debug does first: it lets a worker go that waits for it. */
  #react({ event, body }: DebugProtocol.Event): void {
    if (event !== 'tuningFork/inspector') return;
    const socket = new WebSocket((body as { url: string }).url);
    socket.addEventListener('open', () => socket.send(JSON.stringify({ id: 1, method: 'Runtime.runIfWaitingForDebugger' })));
  }

  #write({ command, args }: Asked, response: DebugProtocol.Response): void {
    this.#lines.push(this.#line('→', command, args), response.success ? this.#line('←', '', response.body) : `← refused: ${this.#masked(sentence(response))}`);
  }

  #tell(until: number): void {
    for (const { event, body } of this.#events.slice(this.#told, until)) this.#lines.push(this.#line('•', event, body));
    this.#told = until;
  }

  #line(sign: string, name: string, body: unknown): string {
    const text = body === undefined || body === null || Object.keys(body as object).length === 0 ? '' : JSON.stringify(body, (key, value: unknown) => (HIDDEN.has(key) && typeof value === 'number' && value > 0 ? '…' : value));
    return [sign, name, this.#masked(text)].filter((part) => part !== '').join(' ');
  }

  #masked(text: string): string {
    return this.#masks.reduce((masked, [what, by]) => masked.replaceAll(what, by), text);
  }
}

/** Numbers that are another each time. */
const HIDDEN = new Set(['variablesReference', 'pid', 'start', 'duration']);

function sentence({ body, message }: DebugProtocol.Response): string {
  const { format = message ?? '', variables = {} } = (body as { error?: { format?: string; variables?: Record<string, string> } } | undefined)?.error ?? {};
  return format.replace(/\{(\w+)\}/g, (place, name: string) => variables[name] ?? place);
}
