/** The Node that runs backbones and workers: the setting, PATH, version managers, then VS Code's own. */
import { existsSync } from 'node:fs';
import { l10n } from 'vscode';
import { TuningForkError } from '../../runtime/protocol/errors.ts';
import { findNode } from '../../runtime/cli/find-node.mjs';
import { setting } from '../settings.ts';

/** There is one to install, or to choose. */
export class NoNodeError extends TuningForkError {}

let found: { asked: string; node: string } | undefined;

export function nodeForRuns(): string {
  const asked = setting('node.path');
  if (found?.asked === asked && existsSync(found.node)) return found.node;
  const node = findNode(asked === '' ? undefined : asked);
  if (node === undefined) {
    throw new NoNodeError('usage', asked === ''
      ? l10n.t('Tuning Fork needs Node.js 22.18 or newer, and none was found.')
      : l10n.t('The setting tuningFork.node.path is {0}, which is not a Node.js of version 22.18 or newer.', asked), {
      next: l10n.t('Install one from nodejs.org, or name one in the setting tuningFork.node.path.'),
    });
  }
  found = { asked, node };
  return node;
}
