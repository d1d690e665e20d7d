/** Bundles what runs inside VS Code; tells the files it made and their bytes. */
export function bundle(options?: { outdir?: string; minify?: boolean }): Promise<Record<string, number>>;
/** The pages of `webview/` alone. */
export function bundlePages(options?: { outdir?: string; minify?: boolean }): Promise<Record<string, number>>;
