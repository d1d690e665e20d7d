/** API keys live in VS Code's secret storage and reach a run in memory only, as part of its environment. */
import type { ExtensionContext } from 'vscode';

const PREFIX = 'tuningFork.key.';
const NAMES = 'tuningFork.keys';

export class Secrets {
  readonly #context: ExtensionContext;

  constructor(context: ExtensionContext) {
    this.#context = context;
  }

  get names(): string[] {
    return this.#context.globalState.get<string[]>(NAMES, []);
  }

  async set(name: string, value: string): Promise<void> {
    await this.#context.secrets.store(PREFIX + name, value);
    await this.#context.globalState.update(NAMES, [...new Set([...this.names, name])].sort());
  }

  async remove(name: string): Promise<void> {
    await this.#context.secrets.delete(PREFIX + name);
    await this.#context.globalState.update(NAMES, this.names.filter((other) => other !== name));
  }

  /** The environment of VS Code with the stored keys in it. What editors put there for their own children is left out. */
  async environment(): Promise<Record<string, string>> {
    const { NODE_OPTIONS: _options, VSCODE_INSPECTOR_OPTIONS: _inspector, ELECTRON_RUN_AS_NODE: _electron, ...inherited } = process.env;
    const env = Object.fromEntries(Object.entries(inherited).filter((entry): entry is [string, string] => entry[1] !== undefined));
    for (const name of this.names) {
      const value = await this.#context.secrets.get(PREFIX + name);
      if (value !== undefined) env[name] = value;
    }
    return env;
  }
}
