/** Starts debug sessions: rollouts of a target, or a walk through a stored rollout. */
import { basename, dirname } from 'node:path';
import * as vscode from 'vscode';
import { projectFolder } from '../../runtime/backbone/location.ts';
import { DEBUG_TYPE, type RolloutLaunch } from '../../runtime/protocol/debug.ts';
import { readRunInfo } from '../../runtime/trace/index.ts';
import type { RolloutPlace, RunTarget } from '../commands/table.ts';
import { givenIn } from '../discovery/given.ts';
import { NothingYetError } from '../errors.ts';
import { resolveTarget } from '../runs/target.ts';
import type { Studio } from '../studio.ts';
import { stateName } from '../views/runs/items.ts';

/** One task, one rollout, unless asked: whoever debugs looks at one thing. */
export async function debugRollouts(studio: Studio, target?: RunTarget): Promise<void> {
  const resolved = await resolveTarget(studio, target);
  if (resolved === undefined) return;
  const { conf, project, workflow, given } = resolved;
  const { tasks, repeats, model, noDebug = false } = target ?? {};
  await start({
    name: workflow?.className ?? basename(conf), conf, workflow: given?.workflow, project, repeats, model, ...(tasks?.length === 1 && { task: tasks[0] }),
  }, noDebug);
}

/** Nothing runs: its calls and tools, one after the other, forwards and backwards. */
export async function walkThrough(studio: Studio, rollout?: RolloutPlace): Promise<void> {
  const place = rollout ?? await pickRollout(studio);
  if (place === undefined) return;
  await start({ name: vscode.l10n.t('Walk through {0}', place.rollout), inspect: { dir: place.dir, rollout: place.rollout }, ...await originOf(studio, place.dir) });
}

/** The configuration and the project that a run came from. */
export async function originOf({ discovery }: Studio, dir: string): Promise<{ conf: string; workflow: string | undefined; project: string }> {
  const info = await readRunInfo(dir);
  const { conf } = info;
  const workflow = givenIn(discovery.configs, info)?.workflow;
  try {
    return { conf, workflow, project: projectFolder(dirname(conf)) };
  } catch {
    // It may have been moved; the run lies in its project.
    return { conf, workflow, project: projectFolder(dir) };
  }
}

/** `internalConsoleOptions`: VS Code's own. */
export async function start(launch: Omit<RolloutLaunch, 'request'> & { internalConsoleOptions?: 'neverOpen' }, noDebug = false): Promise<void> {
  const folder = vscode.workspace.getWorkspaceFolder(vscode.Uri.file(launch.conf));
  await vscode.debug.startDebugging(folder, { type: DEBUG_TYPE, request: 'launch', ...launch }, { noDebug });
}

/** Of the newest run that this window knows of. */
export async function pickRollout({ backbones, discovery }: Studio): Promise<RolloutPlace | undefined> {
  const { listRuns, openRunReader } = await import('../../runtime/trace/index.ts');
  const projects = new Set([...discovery.configs.map(({ project }) => project), ...backbones.live.map(({ project }) => project)]);
  const found = await Promise.all([...projects].map((project) => listRuns(`${project}/runs`)));
  const [newest] = found.flatMap(({ runs }) => runs).filter(({ counts }) => counts.rollouts > 0).sort((a, b) => (a.info.created < b.info.created ? 1 : -1));
  if (newest === undefined) throw new NothingYetError('rollout', vscode.l10n.t('There is no finished rollout yet.'), vscode.l10n.t('Run one first.'));
  const reader = await openRunReader(newest.dir);
  const entries = Array.from({ length: Math.min(reader.count, 200) }, (_, index) => reader.entry(index));
  const picked = await vscode.window.showQuickPick(entries.map(({ id, task, reward, calls, status }) => ({
    label: `${task} · ${id}`, description: [status === 'finished' ? undefined : stateName(status), reward === null ? undefined : `r=${reward}`, vscode.l10n.t('{0} calls', calls)].filter(Boolean).join(' · '), rollout: id,
  })), { title: vscode.l10n.t('Which rollout of {0}?', newest.info.run), matchOnDescription: true });
  return picked && { dir: newest.dir, rollout: picked.rollout };
}
