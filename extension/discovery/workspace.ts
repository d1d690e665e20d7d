/** Keeps the catalog true while files change, on disk and in editors. */
import { sep } from 'node:path';
import * as vscode from 'vscode';
import { CONFIGS, isProgram, isYaml, PROGRAMS } from '../language/signs.ts';
import type { Sources } from '../language/sources.ts';
import { Catalog } from './catalog.ts';
import type { Discovery, FoundConfig, FoundWorkflow } from './discovery.ts';

const FILES = `**/*.{${[...PROGRAMS, ...CONFIGS].join(',')}}`;
const ELSEWHERE = ['node_modules', 'runs', 'dist', '.git'];
/** After the last key stroke, or the last of many files that change together. */
const CALM_MS = 200;

export class WorkspaceDiscovery implements Discovery, vscode.Disposable {
  readonly ready: Promise<void>;
  readonly #catalog: Catalog;
  readonly #changed = new vscode.EventEmitter<void>();
  readonly onDidChange = this.#changed.event;
  readonly #log: vscode.LogOutputChannel;
  readonly #waiting = new Set<string>();
  readonly #subscriptions: vscode.Disposable[] = [this.#changed];
  #timer: NodeJS.Timeout | undefined;
  #work: Promise<void>;

  constructor(sources: Sources, log: vscode.LogOutputChannel) {
    this.#catalog = new Catalog(sources);
    this.#log = log;
    this.ready = this.#work = this.#firstLook();
    this.#watch();
  }

  get workflows(): readonly FoundWorkflow[] {
    return this.#catalog.workflows;
  }

  get configs(): readonly FoundConfig[] {
    return this.#catalog.configs;
  }

  get judges(): readonly { file: string; className: string }[] {
    return this.#catalog.judges;
  }

  workflowsIn(file: string): readonly FoundWorkflow[] {
    return this.workflows.filter((one) => one.file === file);
  }

  configsOf(workflow: { file: string; className: string }): readonly FoundConfig[] {
    return this.configs.filter((one) => one.workflow?.file === workflow.file && one.workflow.className === workflow.className);
  }

  dispose(): void {
    clearTimeout(this.#timer);
    for (const one of this.#subscriptions) one.dispose();
  }

  async #firstLook(): Promise<void> {
    const started = performance.now();
    const found = await vscode.workspace.findFiles(FILES, `**/{${ELSEWHERE.join(',')}}/**`);
    const open = vscode.workspace.textDocuments.filter(isOurs).map(({ uri }) => uri.fsPath);
    const files = [...new Set([...found.map(({ fsPath }) => fsPath), ...open])];
    await this.#look(files);
    this.#log.info(`looked at ${files.length} files in ${Math.round(performance.now() - started)} ms: ${this.workflows.length} workflows, ${this.configs.length} configurations`);
  }

  #watch(): void {
    const files = vscode.workspace.createFileSystemWatcher(FILES);
    // A folder that is deleted is told by its own name only.
    const deleted = vscode.workspace.createFileSystemWatcher('**', true, true, false);
    const soon = ({ fsPath }: vscode.Uri): void => this.#soon(fsPath);
    this.#subscriptions.push(
      files, deleted, files.onDidCreate(soon), files.onDidChange(soon),
      deleted.onDidDelete(({ fsPath }) => { if (this.#catalog.forget(fsPath)) this.#tell(); }),
      vscode.workspace.onDidChangeTextDocument(({ document, contentChanges }) => { if (contentChanges.length > 0 && isOurs(document)) this.#soon(document.uri.fsPath); }),
      vscode.workspace.onDidOpenTextDocument((document) => { if (isOurs(document)) this.#soon(document.uri.fsPath); }),
      // Closed without saving: what is on disk counts again.
      vscode.workspace.onDidCloseTextDocument((document) => { if (isOurs(document)) this.#soon(document.uri.fsPath); }),
      vscode.workspace.onDidChangeWorkspaceFolders(({ removed }) => {
        for (const { uri } of removed) this.#catalog.forget(uri.fsPath);
        this.#work = this.#work.then(() => this.#firstLook());
      }),
    );
  }

  #soon(file: string): void {
    if (file.split(sep).some((part) => ELSEWHERE.includes(part))) return;
    this.#waiting.add(file);
    clearTimeout(this.#timer);
    this.#timer = setTimeout(() => {
      const files = [...this.#waiting];
      this.#waiting.clear();
      this.#work = this.#work.then(() => this.#look(files));
    }, CALM_MS);
  }

  async #look(files: readonly string[]): Promise<void> {
    const unsaved = new Map(vscode.workspace.textDocuments.filter((document) => document.isDirty && isOurs(document)).map((document) => [document.uri.fsPath, document]));
    try {
      if (await this.#catalog.look(files, (file) => unsaved.get(file)?.getText())) this.#tell();
    } catch (error) {
      this.#log.error(error as Error);
    }
  }

  #tell(): void {
    void vscode.commands.executeCommand('setContext', 'tuningFork.hasWorkflows', this.workflows.length > 0);
    this.#changed.fire();
  }
}

function isOurs({ uri }: vscode.TextDocument): boolean {
  return uri.scheme === 'file' && (isProgram(uri.fsPath) || isYaml(uri.fsPath));
}
