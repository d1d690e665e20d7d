/** A picture of a command in a terminal, with real text in it: `node runtime/cli/picture.ts <file.svg> rollout --conf …` runs it and draws what it printed. */
import { spawn } from 'node:child_process';
import { mkdirSync, writeFileSync } from 'node:fs';
import { dirname } from 'node:path';
import { fileURLToPath } from 'node:url';
import { visible, widthOf } from './terminal.ts';

const CELL = { width: 8.4, height: 19 };
const MARGIN = { x: 20, top: 48, bottom: 16 };
/** The picture has a ground of its own, so that it reads on a light page and on a dark one. */
const GROUND = '#1f2430';
const INK: Record<string, string> = { plain: '#d7dae0', red: '#ff7b85', green: '#98d982', yellow: '#f2c97d', blue: '#7fb8ff', magenta: '#d9a0f5', cyan: '#6fd3d8' };
const COLORS: Record<number, string> = { 31: 'red', 32: 'green', 33: 'yellow', 34: 'blue', 35: 'magenta', 36: 'cyan', 39: 'plain' };

const [file, ...args] = process.argv.slice(2);
if (file === undefined || args.length === 0) {
  console.error('Usage: node runtime/cli/picture.ts <file.svg> <command of tuning-fork> [options]');
  process.exit(2);
}
const printed = await run(args);
mkdirSync(dirname(file), { recursive: true });
writeFileSync(file, draw(`$ npx tuning-fork ${args.join(' ')}`, printed.trimEnd().split('\n')));

async function run(command: string[]): Promise<string> {
  const bin = fileURLToPath(new URL('./bin.mjs', import.meta.url));
  const child = spawn(process.execPath, [bin, ...command], { env: { ...process.env, FORCE_COLOR: '1', npm_command: 'exec' }, stdio: ['ignore', 'pipe', 'pipe'] });
  let text = '';
  for (const stream of [child.stdout, child.stderr]) stream.setEncoding('utf8').on('data', (chunk: string) => { text += chunk; });
  await new Promise((resolve) => child.once('close', resolve));
  return text;
}

function draw(title: string, lines: string[]): string {
  const rows = [title, '', ...lines];
  // eslint-disable-next-line no-control-regex
  const columns = Math.max(...rows.map((row) => widthOf(row.replace(/\u001b\[\d+m/g, ''))));
  const width = Math.ceil(columns * CELL.width + 2 * MARGIN.x);
  const height = MARGIN.top + rows.length * CELL.height + MARGIN.bottom;
  return `<svg xmlns="http://www.w3.org/2000/svg" width="${width}" height="${height}" viewBox="0 0 ${width} ${height}" role="img" aria-label="${escape(title)}">
<rect width="100%" height="100%" rx="8" fill="${GROUND}"/>
${['#ff5f57', '#febc2e', '#28c840'].map((fill, index) => `<circle cx="${MARGIN.x + 6 + index * 20}" cy="20" r="6" fill="${fill}"/>`).join('')}
<g font-family="ui-monospace,SFMono-Regular,Menlo,Consolas,'DejaVu Sans Mono',monospace" font-size="14" fill="${INK.plain}" style="white-space:pre">
${rows.map((row, index) => `<text y="${MARGIN.top + index * CELL.height + 14}">${spans(row)}</text>`).join('\n')}
</g>
</svg>
`;
}

/** Each stretch of one style stands at its own column, so that no font moves the ones behind it. */
function spans(row: string): string {
  let style = { ink: 'plain', bold: false, dim: false };
  let column = 0;
  let drawn = '';
  // eslint-disable-next-line no-control-regex
  for (const [part, code] of row.matchAll(/\u001b\[(\d+)m|[^\u001b]+/g)) {
    if (code !== undefined) {
      const number = Number(code);
      style = number === 1 ? { ...style, bold: true } : number === 2 ? { ...style, dim: true } : number === 22 ? { ...style, bold: false, dim: false } : { ...style, ink: COLORS[number] ?? style.ink };
      continue;
    }
    const look = `${style.ink === 'plain' ? '' : ` fill="${INK[style.ink]}"`}${style.bold ? ' font-weight="bold"' : ''}${style.dim ? ' opacity="0.6"' : ''}`;
    for (const [word] of part.matchAll(/ +|\S+(?: \S+)*/g)) {
      if (word.trim() !== '') drawn += `<tspan x="${(MARGIN.x + column * CELL.width).toFixed(1)}"${look}>${escape(visible(word))}</tspan>`;
      column += widthOf(word);
    }
  }
  return drawn;
}

function escape(text: string): string {
  return text.replaceAll('&', '&amp;').replaceAll('<', '&lt;').replaceAll('"', '&quot;');
}
