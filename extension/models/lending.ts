/** Opens the door to this window's models with the first run, and keeps it at the same place for runs that outlive the window. */
import { randomBytes } from 'node:crypto';
import type * as vscode from 'vscode';
import { VSCODE_MODELS } from '../../runtime/protocol/providers.ts';
import type { LendingServer } from './server.ts';

const PORT = 'tuningFork.models.port';
const TOKEN = 'tuningFork.models.token';

export class Lending implements vscode.Disposable {
  readonly #context: vscode.ExtensionContext;
  readonly #log: vscode.LogOutputChannel;
  #open: Promise<Record<string, string>> | undefined;
  #server: LendingServer | undefined;

  constructor(context: vscode.ExtensionContext, log: vscode.LogOutputChannel) {
    this.#context = context;
    this.#log = log;
  }

  /** What tells a run where the models are. */
  environment(): Promise<Record<string, string>> {
    return (this.#open ??= this.#start().catch((error: Error) => {
      // Runs that ask no model of VS Code need none of this.
      this.#log.warn(`models of VS Code are not lent: ${error.message}`);
      this.#open = undefined;
      return {};
    }));
  }

  dispose(): void {
    void this.#server?.close();
  }

  async #start(): Promise<Record<string, string>> {
    const [{ lendModels }, { languageModels }] = await Promise.all([import('./server.ts'), import('./language-models.ts')]);
    const { secrets, workspaceState } = this.#context;
    const token = await secrets.get(TOKEN) ?? randomBytes(24).toString('base64url');
    await secrets.store(TOKEN, token);
    this.#server = await lendModels(languageModels, token, workspaceState.get<number>(PORT));
    await workspaceState.update(PORT, this.#server.port);
    this.#log.info(`models of VS Code are lent at ${this.#server.baseURL}`);
    return { [VSCODE_MODELS.urlEnv]: this.#server.baseURL, [VSCODE_MODELS.keyEnv]: token };
  }
}
