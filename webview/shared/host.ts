/** The one door of a page: VS Code's messages in a webview, HTTP on loopback in a browser. A page can't tell them apart. */
import type { ErrorInfo } from '../../runtime/protocol/errors.ts';
import { decode } from '../../runtime/view/wire.ts';

/** name -> [parameters, answer] */
export type Contract = Record<string, [unknown, unknown]>;

export interface Host<Requests, Event> {
  request<K extends keyof Requests & string>(method: K, params: Part<Requests, K, 0>): Promise<Part<Requests, K, 1>>;
  onEvent(listener: (event: Event) => void): void;
  /** What the page was at when it was hidden or reloaded. */
  load<State>(): State | undefined;
  save(state: unknown): void;
}

type Part<Requests, K extends keyof Requests, Place extends 0 | 1> = Requests[K] extends [infer Params, infer Answer] ? [Params, Answer][Place] : never;

export class HostError extends Error {
  readonly info: ErrorInfo;

  constructor(info: ErrorInfo) {
    super(info.message);
    this.info = info;
  }
}

export function errorOf(error: unknown): ErrorInfo {
  return error instanceof HostError ? error.info : { code: 'internal', message: error instanceof Error ? error.message : String(error) };
}

interface VsCodeApi {
  postMessage(message: unknown): void;
  getState(): unknown;
  setState(state: unknown): void;
}

declare global {
  function acquireVsCodeApi(): VsCodeApi;
}

export function connect<Requests, Event>(): Host<Requests, Event> {
  return 'acquireVsCodeApi' in globalThis ? inVsCode(acquireVsCodeApi()) : inBrowser();
}

function inVsCode<Requests, Event>(api: VsCodeApi): Host<Requests, Event> {
  const open = new Map<number, { resolve(value: never): void; reject(error: unknown): void }>();
  const listeners: ((event: Event) => void)[] = [];
  let last = 0;
  window.addEventListener('message', ({ data }: MessageEvent<unknown>) => {
    if (typeof data !== 'object' || data === null) return;
    if ('event' in data) for (const listener of listeners) listener(data.event as Event);
    if (!('id' in data)) return;
    const waiting = open.get(data.id as number);
    open.delete(data.id as number);
    if ('error' in data && data.error !== undefined) waiting?.reject(new HostError(data.error as ErrorInfo));
    else waiting?.resolve(('result' in data ? data.result : null) as never);
  });
  return {
    request(method, params) {
      const id = (last += 1);
      return new Promise((resolve, reject) => {
        open.set(id, { resolve, reject });
        api.postMessage({ id, method, params });
      });
    },
    onEvent: (listener) => void listeners.push(listener),
    load: <State>() => api.getState() as State | undefined,
    save: (state) => api.setState(state),
  };
}

const STATE = 'tuning-fork';

function inBrowser<Requests, Event>(): Host<Requests, Event> {
  const headers = { authorization: `Bearer ${location.hash.slice(1)}` };
  return {
    async request(method, params) {
      const answer = await fetch(`rpc/${method}`, { method: 'POST', headers: { ...headers, 'content-type': 'application/json' }, body: JSON.stringify(params) });
      if (!answer.ok) throw new HostError((await answer.json() as { error: ErrorInfo }).error);
      return decode(new Uint8Array(await answer.arrayBuffer())) as never;
    },
    onEvent: (listener) => void follow(headers, listener),
    load<State>() {
      try {
        return JSON.parse(sessionStorage.getItem(STATE + location.pathname) ?? 'null') as State ?? undefined;
      } catch {
        return undefined;
      }
    },
    save: (state) => sessionStorage.setItem(STATE + location.pathname, JSON.stringify(state)),
  };
}

/** Server-sent events, by fetch: an EventSource can't carry a token. */
async function follow<Event>(headers: Record<string, string>, listener: (event: Event) => void): Promise<void> {
  for (;;) {
    try {
      const { body, ok } = await fetch('events', { headers });
      if (!ok || body === null) return;
      let rest = '';
      for await (const text of body.pipeThrough(new TextDecoderStream()) as unknown as AsyncIterable<string>) {
        const messages = (rest + text).split('\n\n');
        rest = messages.pop()!;
        for (const message of messages) if (message.startsWith('data:')) listener(JSON.parse(message.slice(5)) as Event);
      }
    } catch {
      // The server went away: it may come back.
    }
    await new Promise((resolve) => setTimeout(resolve, 2_000));
  }
}
