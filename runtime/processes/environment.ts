import { codeCache } from './code-cache.mjs';

/**
 * The environment of our processes. What editors put into that of their children would reach Node here too. Compiled code is kept from
 * the first module on: a process that asks for it itself has loaded most of its modules by then.
 */
export function cleanEnvironment(node: string = process.execPath): NodeJS.ProcessEnv {
  const { NODE_OPTIONS: _options, VSCODE_INSPECTOR_OPTIONS: _inspector, ELECTRON_RUN_AS_NODE: _electron, ...rest } = process.env;
  // Where no other Node was found, the editor's own program is ours.
  const electron = process.versions.electron !== undefined && node === process.execPath;
  const cache = codeCache();
  return { ...(cache !== undefined && { NODE_COMPILE_CACHE: cache }), ...rest, ...(electron && { ELECTRON_RUN_AS_NODE: '1' }) };
}
