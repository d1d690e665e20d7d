export interface Message {
  id?: number;
  method?: string;
  params?: { callFrames?: { functionName: string; location: { scriptId: string; lineNumber: number } }[]; reason?: string; scriptId?: string; url?: string };
  result?: { breakpointId?: string; locations?: unknown[] };
}

/** The least that a debugger does, over the inspector's own protocol. */
export class Debugger {
  readonly messages: Message[] = [];
  readonly socket: WebSocket;
  #id = 0;
  #heard: () => void = () => {};

  private constructor(socket: WebSocket) {
    this.socket = socket;
    socket.addEventListener('message', ({ data }) => {
      this.messages.push(JSON.parse(String(data)) as Message);
      this.#heard();
    });
  }

  static async attach(url: string): Promise<Debugger> {
    const socket = new WebSocket(url);
    await new Promise((resolve) => socket.addEventListener('open', resolve, { once: true }));
    return new Debugger(socket);
  }

  async send(method: string, params: object = {}): Promise<Message> {
    const id = ++this.#id;
    this.socket.send(JSON.stringify({ id, method, params }));
    return this.message((message) => message.id === id);
  }

  async message(fits: (message: Message) => boolean): Promise<Message> {
    for (;;) {
      const found = this.messages.find(fits);
      if (found !== undefined) return found;
      await new Promise<void>((resolve) => void (this.#heard = resolve));
    }
  }

  /** Where it has paused so far; lines count from 1. */
  get pauses(): { name: string; file: string; line: number }[] {
    const scripts = new Map(this.messages.flatMap(({ method, params }) => (method === 'Debugger.scriptParsed' ? [[params!.scriptId!, params!.url!] as const] : [])));
    return this.messages.filter(({ method }) => method === 'Debugger.paused').map(({ params }) => {
      const { functionName, location } = params!.callFrames![0]!;
      return { name: functionName, file: scripts.get(location.scriptId) ?? '', line: location.lineNumber + 1 };
    });
  }
}
