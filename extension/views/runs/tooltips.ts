/** What the Runs tree tells of a node that is pointed at; made when somebody points. */
import * as vscode from 'vscode';
import { formatPlace, type ErrorInfo } from '../../../runtime/protocol/errors.ts';
import { inOurWords } from '../../errors.ts';
import { asMarkdown } from '../../runs/markdown.ts';
import { countsText, decimal, duration } from '../../runs/progress-text.ts';
import { kindName, stateName, tallyText } from './items.ts';
import { stateOf } from './library.ts';
import type { RolloutNode, RunNode } from './nodes.ts';

/** What a model or a task says is text, never markup. */
class Tooltip {
  readonly markdown = new vscode.MarkdownString();

  title(text: string): this {
    this.markdown.appendMarkdown(`**${asMarkdown(text)}**\n\n`);
    return this;
  }

  row(name: string, text: string): this {
    if (text !== '') this.markdown.appendMarkdown(`${name}: ${asMarkdown(text.length > 500 ? `${text.slice(0, 500)}…` : text)}\n\n`);
    return this;
  }

  error(error: ErrorInfo | undefined): this {
    if (error === undefined) return this;
    const { message, where, next = '' } = inOurWords(error);
    return this.row(vscode.l10n.t('Error'), message).row(vscode.l10n.t('At'), where === undefined ? '' : formatPlace({ ...where, key: undefined })).row(vscode.l10n.t('Next'), next);
  }
}

export async function runTooltip(node: RunNode): Promise<vscode.MarkdownString> {
  const { info } = node.stored;
  const ended = info.finished === undefined ? undefined : Date.parse(info.finished) - Date.parse(info.created);
  return new Tooltip().title(`${info.run} · ${kindName(info.kind)} · ${stateName(stateOf(info))}`)
    .row(vscode.l10n.t('Workflow'), info.workflow)
    .row(vscode.l10n.t('Model'), info.policy)
    .row(vscode.l10n.t('Configuration'), vscode.workspace.asRelativePath(info.conf))
    .row(vscode.l10n.t('Rollouts'), tallyText(await node.tally().catch(() => undefined)))
    .row(vscode.l10n.t('Took'), ended === undefined ? '' : duration(ended))
    .error(info.error).markdown;
}

export async function rolloutTooltip(node: RolloutNode): Promise<vscode.MarkdownString> {
  const { entry, rollout } = node;
  const index = node.runNode.opened;
  const tip = new Tooltip().title(`${rollout} · ${entry.task}`);
  if (index === undefined) return tip.markdown;
  const record = await index.reader.read(rollout);
  const { judge, reward } = record;
  const parts = Object.entries(judge?.parts ?? {}).map(([name, value]) => `${name} ${decimal(value)}`).join(', ');
  return tip.row(vscode.l10n.t('Reward'), reward === null ? '' : `${decimal(reward, 4)}${judge === undefined ? '' : ` (${judge.name})`}`)
    .row(vscode.l10n.t('Parts'), parts)
    .row(vscode.l10n.t('Reason'), judge?.reason ?? '')
    .row(vscode.l10n.t('Calls'), countsText(entry, vscode.l10n))
    .row(vscode.l10n.t('Took'), duration(entry.duration))
    .row(vscode.l10n.t('Answer'), record.calls.at(-1)?.reply.content ?? '')
    .error(record.error).markdown;
}
