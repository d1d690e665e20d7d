import { resolve } from 'node:path';
import { loadConfig } from '../../config/load.ts';
import { pythonFolder } from '../../trainers/gpu/home.ts';
import { gpuSettings } from '../../trainers/gpu/settings.ts';
import type { Args } from '../args.ts';
import { examineGpu, type GpuFinding } from '../gpu-findings.ts';
import { asTyped } from '../invocation.ts';
import { EXIT, out, paint, print, printJson } from '../io.ts';
import { t } from '../l10n.ts';
import { padEnd, visible, wrap } from '../terminal.ts';

const TITLE_WIDTH = 14;
const signs: Record<GpuFinding['verdict'], string> = { ok: paint.green('✓'), warning: paint.yellow('!'), failed: paint.red('✗') };

export async function examine(args: Args): Promise<number> {
  const { place } = await settingsOf(args);
  const dir = args.text('dir');
  const findings = await examineGpu(place, process.env, dir === undefined ? pythonFolder() : resolve(dir));
  for (const finding of findings) {
    if (args.on('json')) printJson({ type: 'finding', title: titleOf(finding.name), ...finding });
    else tell(finding);
  }
  return findings.some(({ verdict }) => verdict === 'failed') ? EXIT.failed : EXIT.ok;
}

/** Of the configuration, or of one that says nothing. */
async function settingsOf(args: Args): Promise<ReturnType<typeof gpuSettings>> {
  const conf = args.text('conf');
  const asked = { gpu: { python: args.text('python') }, lora: undefined, trainer_common: {} as never };
  if (conf === undefined) return gpuSettings(asked, { model: '', dir: process.cwd(), env: process.env });
  const { config, dir } = await loadConfig(conf, { 'gpu.python': args.text('python') });
  return gpuSettings(config, { model: config.model.path, dir, env: process.env });
}

function tell({ name, verdict, message, next }: GpuFinding): void {
  const [first = '', ...rest] = wrap(visible(message), Math.max(30, Math.min(out.width, 120) - TITLE_WIDTH - 3));
  print(`${signs[verdict]} ${padEnd(titleOf(name), TITLE_WIDTH)} ${first}`);
  for (const line of rest) print(' '.repeat(TITLE_WIDTH + 3) + line);
  if (next !== undefined) print(`${' '.repeat(TITLE_WIDTH + 3)}${paint.yellow('→')} ${visible(asTyped(next))}`);
}

function titleOf(name: GpuFinding['name']): string {
  const titles = {
    python: 'Python', driver: t('driver'), disk: t('disk'), environment: t('environment'), torch: 'PyTorch', compiler: t('compiler'), packages: t('packages'), runtime: t('runtime'),
  };
  return titles[name];
}
