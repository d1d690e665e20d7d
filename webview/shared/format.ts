/** Numbers as people read them; a missing one is a dash. */
export const NONE = '–';

const whole = new Intl.NumberFormat('en-US', { maximumFractionDigits: 0 });

export function count(value: number): string {
  return Number.isFinite(value) ? whole.format(value) : NONE;
}

/** Up to `digits` behind the point, no zeros at the end. */
export function decimal(value: number, digits = 3): string {
  if (!Number.isFinite(value)) return NONE;
  const rounded = Number(value.toFixed(digits));
  if (rounded === 0 && value !== 0) return value.toExponential(1).replaceAll('-', '−');
  return rounded.toString().replace('-', '−');
}

export function signed(value: number, digits = 3): string {
  return value > 0 ? `+${decimal(value, digits)}` : decimal(value, digits);
}

export function percent(part: number): string {
  if (!Number.isFinite(part)) return NONE;
  if (part === 0) return '0%';
  const value = part * 100;
  if (value >= 99.995) return '100%';
  return value >= 10 ? `${value.toFixed(1)}%` : value >= 0.01 ? `${value.toFixed(2)}%` : '< 0.01%';
}

export function duration(ms: number): string {
  if (!Number.isFinite(ms)) return NONE;
  if (ms < 1_000) return `${Math.round(ms)} ms`;
  const seconds = ms / 1_000;
  if (seconds < 60) return `${seconds.toFixed(seconds < 10 ? 2 : 1)} s`;
  return `${Math.floor(seconds / 60)} min ${Math.round(seconds % 60)} s`;
}

export function fileName(path: string): string {
  return path.slice(Math.max(path.lastIndexOf('/'), path.lastIndexOf('\\')) + 1);
}
