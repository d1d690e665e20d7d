/** The report as one HTML file: no script, no network, readable in light and dark. */
import { localizeBy, localizeError, type Language } from '../protocol/localize.ts';
import type { Estimate, EvaluationRow, ReportTask, TrainingReport, Transcript } from '../protocol/training.ts';

type Say = (text: string) => string;

const localize = localizeBy(new URL('./report-page.zh-cn.json', import.meta.url));

export function reportPage(report: TrainingReport, language: Language = 'en'): string {
  const say: Say = (words) => text(localize(words, language));
  const { workflow, model, run, steps, duration, notices, checkpoints, gained, spoiled, pairs } = report;
  return `<!doctype html>
<html lang="${language}">
<meta charset="utf-8">
<meta http-equiv="Content-Security-Policy" content="default-src 'none'; style-src 'unsafe-inline'">
<meta name="viewport" content="width=device-width">
<title>${say(`${workflow}: what training changed`)}</title>
<style>${STYLE}</style>
<main>
<h1>${text(workflow)}</h1>
<p class="quiet">${say(`${model} · ${steps} steps in ${minutes(duration)} · run ${run}`)}</p>
${beforeAfter(report, say)}
${curve(report, say)}
${notices.map((notice) => localizeError(notice, language)).map(({ message, next }) => `<p class="notice"><b>${text(message)}</b>${next === undefined ? '' : `<br>${text(next)}`}</p>`).join('\n')}
${tasks('Wrong before, right after', gained, say)}
${tasks('Right before, wrong after', spoiled, say)}
${pairs.length === 0 ? '' : `<h2>${say('The same task, before and after')}</h2>`}
${pairs.map(({ task, before, after }) => `<h3>${text(task.taskId)}</h3><div class="pair">${transcript('before', before, say)}${transcript('after', after, say)}</div>`).join('\n')}
${checkpoints.best === null && checkpoints.last === null ? '' : `<h2>${say('Checkpoints')}</h2><dl>${[['best', checkpoints.best], ['last', checkpoints.last]].map(([name, path]) => (path === null ? '' : `<dt>${say(name!)}</dt><dd><code>${text(path!)}</code></dd>`)).join('')}</dl>`}
</main>
</html>
`;
}

function beforeAfter({ before, after, gain }: TrainingReport, say: Say): string {
  const rows = before ?? after;
  if (rows === null) return `<p>${say('No validation was made, so there is no before and after.')}</p>`;
  const row = (name: string, of: (row: EvaluationRow) => string, change = ''): string =>
    `<tr><th scope="row">${say(name)}</th><td>${before === null ? '–' : text(of(before))}</td><td>${after === null ? '–' : text(of(after))}</td><td>${text(change)}</td></tr>`;
  const passes = Object.keys(rows.sampled.passAt);
  return `<table>
<caption>${say(`${rows.tasks} tasks; in brackets the 95 % interval`)}</caption>
<tr><td></td>${['before', 'after', 'gain'].map((name) => `<th scope="col">${say(name)}</th>`).join('')}</tr>
${row('reward, greedy', ({ greedy }) => estimate(greedy.reward), gain.greedy === null ? '' : estimate(gain.greedy, true))}
${row('reward, sampled', ({ sampled }) => estimate(sampled.reward), gain.sampled === null ? '' : estimate(gain.sampled, true))}
${rows.greedy.success === null ? '' : row('success, greedy', ({ greedy }) => estimate(greedy.success))}
${rows.sampled.success === null ? '' : row('success, sampled', ({ sampled }) => estimate(sampled.success))}
${passes.map((k) => row(`pass@${k}`, ({ sampled }) => sampled.passAt[k]?.toFixed(3) ?? '–')).join('\n')}
${row('tokens sampled for a rollout', ({ sampled }) => sampled.sampledPerRollout.toFixed(1))}
</table>`;
}

function tasks(title: string, list: readonly ReportTask[], say: Say): string {
  if (list.length === 0) return '';
  return `<details><summary>${say(`${title}: ${list.length}`)}</summary><ul>${list.map(({ taskId, before, after }) => `<li>${text(taskId)} <span class="quiet">${before ?? '–'} → ${after ?? '–'}</span></li>`).join('')}</ul></details>`;
}

function transcript(side: string, { reward, success, messages }: Transcript, say: Say): string {
  const given = reward ?? '–';
  const verdict = success === null ? `reward ${given}` : success ? `reward ${given}, right` : `reward ${given}, wrong`;
  return `<section><h4>${say(side)} <span class="quiet">${say(verdict)}</span></h4>${messages.map((message) => `<div class="message ${message.role === 'assistant' ? 'own' : ''}"><span class="quiet">${text(message.role)}</span><pre>${text(message.text)}</pre></div>`).join('')}</section>`;
}

const WIDTH = 720;
const HEIGHT = 220;
const LEFT = 44;
const BOTTOM = 24;

/** The reward of training rollouts as a line, validations as points of different shape: not told by colour alone. */
function curve({ curve: points }: TrainingReport, say: Say): string {
  const values = points.flatMap(({ reward, greedy, sampled }) => [reward, greedy ?? null, sampled ?? null]).filter((value) => value !== null);
  if (points.length < 2 || values.length < 2) return '';
  const low = Math.min(...values);
  const high = Math.max(...values, low + 1e-9);
  const last = Math.max(1, points.at(-1)!.step);
  const x = (step: number): string => (LEFT + ((WIDTH - LEFT - 8) * step) / last).toFixed(1);
  const y = (value: number): string => (8 + (HEIGHT - BOTTOM - 8) * (1 - (value - low) / (high - low))).toFixed(1);
  const line = points.flatMap(({ step, reward }) => (reward === null ? [] : [`${x(step)},${y(reward)}`])).join(' ');
  const marks = points.flatMap(({ step, greedy, sampled }) => [
    ...(sampled === undefined ? [] : [`<circle cx="${x(step)}" cy="${y(sampled)}" r="4" class="sampled"/>`]),
    ...(greedy === undefined ? [] : [`<rect x="${Number(x(step)) - 4}" y="${Number(y(greedy)) - 4}" width="8" height="8" class="greedy"/>`]),
  ]);
  return `<figure><svg viewBox="0 0 ${WIDTH} ${HEIGHT}" role="img" aria-label="${say(`Reward by step, from ${values[0]!.toFixed(2)} to ${values.at(-1)!.toFixed(2)}`)}">
<line x1="${LEFT}" y1="${HEIGHT - BOTTOM}" x2="${WIDTH - 8}" y2="${HEIGHT - BOTTOM}" class="axis"/>
<text x="${LEFT - 6}" y="14" text-anchor="end">${high.toFixed(2)}</text><text x="${LEFT - 6}" y="${HEIGHT - BOTTOM}" text-anchor="end">${low.toFixed(2)}</text>
<text x="${LEFT}" y="${HEIGHT - 6}">${say('step 0')}</text><text x="${WIDTH - 8}" y="${HEIGHT - 6}" text-anchor="end">${last}</text>
<polyline points="${line}" class="training"/>
${marks.join('\n')}
</svg><figcaption class="quiet">${say('Mean reward: line, training rollouts; ● validation, sampled; ■ validation, greedy.')}</figcaption></figure>`;
}

export function estimate(value: Estimate | null | undefined, signed = false): string {
  if (value === null || value === undefined) return '–';
  const show = (number: number): string => `${signed && number > 0 ? '+' : ''}${number.toFixed(3)}`;
  return `${show(value.mean)} [${show(value.low)}, ${show(value.high)}]`;
}

export function minutes(milliseconds: number): string {
  const seconds = Math.round(milliseconds / 1000);
  return seconds < 60 ? `${seconds} s` : `${Math.floor(seconds / 60)} min ${seconds % 60} s`;
}

const STYLE = `
:root { color-scheme: light dark; --ink: #1f2328; --quiet: #656d76; --paper: #fff; --line: #d0d7de; --own: #f0f6ff; --one: #0969da; --two: #9a5b00 }
@media (prefers-color-scheme: dark) { :root { --ink: #e6edf3; --quiet: #9198a1; --paper: #0d1117; --line: #3d444d; --own: #121d2f; --one: #58a6ff; --two: #e3a03c } }
body { margin: 0; background: var(--paper); color: var(--ink); font: 15px/1.5 system-ui, sans-serif }
main { max-width: 980px; margin: 0 auto; padding: 24px 16px 64px }
h1 { margin-bottom: 0 } h2 { margin-top: 2em } .quiet { color: var(--quiet); font-weight: normal }
table { border-collapse: collapse } caption { text-align: left; color: var(--quiet); padding-bottom: 6px }
th, td { text-align: left; padding: 4px 24px 4px 0; border-bottom: 1px solid var(--line); font-variant-numeric: tabular-nums; white-space: nowrap } th { font-weight: 600 }
figure { margin: 24px 0 } svg { width: 100%; height: auto } svg text { fill: var(--quiet); font-size: 11px }
.axis { stroke: var(--line) } .training { fill: none; stroke: var(--quiet); stroke-width: 1.5 } .sampled { fill: var(--one) } .greedy { fill: var(--two) }
.notice { border-left: 3px solid var(--two); padding-left: 12px }
.pair { display: grid; grid-template-columns: repeat(auto-fit, minmax(300px, 1fr)); gap: 16px }
.message { border-top: 1px solid var(--line); padding: 6px 8px } .own { background: var(--own) }
pre { margin: 0; white-space: pre-wrap; overflow-wrap: anywhere; font: 13px/1.45 ui-monospace, monospace } dd { margin: 0 0 8px } code { overflow-wrap: anywhere }
`;

function text(value: string): string {
  return value.replace(/[&<>"']/g, (character) => `&#${character.charCodeAt(0)};`);
}
