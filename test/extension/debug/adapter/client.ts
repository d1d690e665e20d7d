/** The least of a debug client: sends requests to a session in this process, keeps all messages, waits for events. */
import type { DebugProtocol } from '@vscode/debugprotocol';
import { RolloutSession } from '../../../../extension/debug/adapter/session.ts';
import type { ConnectRuns } from '../../../../extension/debug/adapter/runs.ts';

export type Message = DebugProtocol.Event | DebugProtocol.Request | DebugProtocol.Response;

export interface Said {
  event: string;
  body?: Record<string, unknown>;
}

export class Client {
  /** Both ways, in order. */
  readonly messages: Message[] = [];
  readonly #session: RolloutSession;
  #seq = 0;
  /** Events before this place were waited for already. */
  #seen = 0;
  readonly #waiting = new Set<() => void>();

  constructor(connect: ConnectRuns) {
    this.#session = new RolloutSession(connect);
    this.#session.setRunAsServer(true);
    this.#session.onDidSendMessage((message) => {
      this.messages.push(message as Message);
      for (const heard of this.#waiting) heard();
      this.#waiting.clear();
    });
  }

  /** The answer's body; an answer that is an error is thrown. */
  async request(command: string, args: object = {}): Promise<Record<string, never> & { [key: string]: any }> { // eslint-disable-line typescript/no-explicit-any
    const request: DebugProtocol.Request = { seq: ++this.#seq, type: 'request', command, arguments: args };
    this.messages.push(request);
    this.#session.handleMessage(request);
    const response = await this.#find((message): message is DebugProtocol.Response => message.type === 'response' && (message as DebugProtocol.Response).request_seq === request.seq, 0);
    if (!response.success) throw new Error((response.body as { error?: { format: string } })?.error?.format ?? response.message);
    return (response.body ?? {}) as never;
  }

  /** The next event of this name, after those that were waited for before. */
  async event(name: string, fits: (body: any) => boolean = () => true): Promise<any> { // eslint-disable-line typescript/no-explicit-any
    const { body } = await this.any((event) => event.event === name && fits(event.body ?? {}));
    return body ?? {};
  }

  async any(fits: (event: DebugProtocol.Event) => boolean): Promise<DebugProtocol.Event> {
    const event = await this.#find((message): message is DebugProtocol.Event => message.type === 'event' && fits(message as DebugProtocol.Event), this.#seen);
    this.#seen = this.messages.indexOf(event) + 1;
    return event;
  }

  async initialize(): Promise<void> {
    await this.request('initialize', { adapterID: 'tuning-fork', clientID: 'test', linesStartAt1: true, columnsStartAt1: true, pathFormat: 'path' });
    await this.event('initialized');
  }

  dispose(): void {
    this.#session.dispose();
  }

  async #find<M extends Message>(fits: (message: Message) => message is M, from: number): Promise<M> {
    for (let at = from;;) {
      for (; at < this.messages.length; at++) {
        const message = this.messages[at]!;
        if (fits(message)) return message;
      }
      await new Promise<void>((resolve) => void this.#waiting.add(resolve));
    }
  }
}
