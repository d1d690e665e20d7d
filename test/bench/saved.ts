/** The committed results: a JSON file an area, and one page for people, made from all of them. */
import { existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { cpus, totalmem } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import type { Figure } from './figure.ts';

interface Saved {
  date: string;
  machine: Record<string, unknown>;
  figures: Figure[];
}

const dir = fileURLToPath(new URL('./results/', import.meta.url));
const fileOf = (area: string): string => join(dir, `${area}.json`);
const read = (area: string): Saved | undefined => (existsSync(fileOf(area)) ? JSON.parse(readFileSync(fileOf(area), 'utf8')) as Saved : undefined);

/** `whole`: nothing stays of what was there. */
export function save(area: string, figures: readonly Figure[], whole: boolean): void {
  mkdirSync(dir, { recursive: true });
  const machine = { cpu: cpus()[0]?.model.trim(), cores: cpus().length, memoryGiB: Math.round(totalmem() / 2 ** 30), node: process.version, platform: `${process.platform} ${process.arch}` };
  const before = whole ? [] : read(area)?.figures ?? [];
  const kept = before.map((figure) => figures.find(({ name, ours }) => name === figure.name && ours !== null) ?? figure);
  const all = [...kept, ...figures.filter(({ name }) => !before.some((one) => one.name === name))];
  writeFileSync(fileOf(area), `${JSON.stringify({ date: new Date().toISOString().slice(0, 10), machine, figures: all } satisfies Saved, null, 2)}\n`);
}

export function writeOverview(areas: readonly string[]): void {
  const lines = ['# Measured', '', 'On 2 cores; the JSON files have machine, versions and notes. `peer` is what does the same work in the same run; each note there says what it is. Written by `--save`.'];
  for (const area of areas) {
    const saved = read(area);
    if (saved === undefined) continue;
    lines.push('', `## \`npm run bench -- ${area}\``, '', '| figure | ours | peer | ratio | unit | bound | holds |', '|---|---:|---:|---:|---|---|---|');
    for (const { name, ours, peer, ratio, unit, bound, holds } of saved.figures) {
      lines.push(`| \`${name}\` | ${short(ours)} | ${short(peer)} | ${short(ratio)} | ${unit} | ${bound.replaceAll('>=', '≥').replaceAll('<=', '≤')} | ${holds ? 'yes' : '**no**'} |`);
    }
  }
  writeFileSync(join(dir, 'README.md'), `${lines.join('\n')}\n`);
}

export function short(value: number | null): string {
  return value === null ? '–' : Math.abs(value) >= 1_000 ? Math.round(value).toLocaleString('en-US') : String(Number(value.toPrecision(3)));
}
