/** The Nodes of this machine, and whether each can run workflows. No editor here. */
import { execFile } from 'node:child_process';
import { existsSync, realpathSync } from 'node:fs';
import { promisify } from 'node:util';
import { candidates, isEnough } from '../../runtime/cli/find-node.mjs';

export interface FoundNode {
  path: string;
  /** Undefined: it doesn't start. */
  version: string | undefined;
  /** Runs TypeScript as it is. */
  usable: boolean;
  /** The program VS Code itself runs with. */
  own: boolean;
}

const PATIENCE_MS = 5_000;
const run = promisify(execFile);

/** Each once, however many links lead to it. */
export async function foundNodes(asked: string): Promise<FoundNode[]> {
  const paths = [...asked === '' ? [] : [asked], ...candidates(), process.execPath].filter((path) => existsSync(path));
  const own = realpathSync(process.execPath);
  const real = new Map(paths.map((path) => [realpathSync(path), path]));
  return Promise.all([...real].map(async ([target, path]) => ({ path, own: target === own, ...await probe(path) })));
}

async function probe(path: string): Promise<Pick<FoundNode, 'version' | 'usable'>> {
  try {
    const env = { ...process.env, ELECTRON_RUN_AS_NODE: '1', NODE_OPTIONS: '' };
    const { stdout } = await run(path, ['-p', 'process.version + " " + process.features.typescript'], { timeout: PATIENCE_MS, windowsHide: true, env });
    const [version, typescript] = stdout.trim().split(' ');
    return { version, usable: isEnough(version!) && (typescript === 'strip' || typescript === 'transform') };
  } catch {
    return { version: undefined, usable: false };
  }
}

/** Undefined: it loads. Else what stands in its way. */
export async function loadOnnx(node: string, root: string): Promise<string | undefined> {
  try {
    const env = { ...process.env, ELECTRON_RUN_AS_NODE: '1', NODE_OPTIONS: '' };
    await run(node, ['-e', 'require("onnxruntime-node").InferenceSession'], { cwd: root, timeout: 4 * PATIENCE_MS, windowsHide: true, env });
    return undefined;
  } catch (error) {
    const { stderr = '', message } = error as { stderr?: string; message: string };
    return stderr.split('\n').find((line) => /Error/.test(line))?.trim() ?? message.split('\n')[0]!;
  }
}
