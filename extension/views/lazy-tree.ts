/** A tree whose provider is loaded when its view is first looked at. */
import * as vscode from 'vscode';

export class LazyTree<N, P extends vscode.TreeDataProvider<N>> implements vscode.TreeDataProvider<N>, vscode.Disposable {
  readonly #load: () => Promise<P>;
  readonly #changed = new vscode.EventEmitter<N | N[] | undefined | null | void>();
  readonly onDidChangeTreeData = this.#changed.event;
  #loading: Promise<P> | undefined;
  #provider: P | undefined;

  constructor(load: () => Promise<P>) {
    this.#load = load;
  }

  /** Undefined as long as nobody has looked. */
  get loaded(): P | undefined {
    return this.#provider;
  }

  provider(): Promise<P> {
    this.#loading ??= this.#load().then((provider) => {
      provider.onDidChangeTreeData?.((change) => this.#changed.fire(change));
      return (this.#provider = provider);
    });
    return this.#loading;
  }

  async getChildren(node?: N): Promise<N[]> {
    return await (await this.provider()).getChildren(node) ?? [];
  }

  getTreeItem(node: N): vscode.TreeItem | Thenable<vscode.TreeItem> {
    return this.#provider!.getTreeItem(node);
  }

  getParent(node: N): vscode.ProviderResult<N> {
    return this.#provider?.getParent?.(node);
  }

  resolveTreeItem(item: vscode.TreeItem, node: N, token: vscode.CancellationToken): vscode.ProviderResult<vscode.TreeItem> {
    return this.#provider?.resolveTreeItem?.(item, node, token);
  }

  dispose(): void {
    this.#changed.dispose();
    const provider = this.#provider;
    if (provider !== undefined && 'dispose' in provider) (provider as P & vscode.Disposable).dispose();
  }
}
