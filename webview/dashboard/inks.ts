/** What lines are drawn with. Colours come from the style sheet, so that a theme has the last word; no two trainings differ by colour alone. */
const DASHES: readonly (readonly number[])[] = [[], [7, 3], [2, 2.5], [9, 3, 2, 3], [14, 4]];
export const COLOURS = 7;

export interface Ink {
  colour: string;
  dash: readonly number[];
}

/** Neighbours differ in both; a pair comes back after 35. */
export function inkOf(place: number, { inks }: Paint): Ink {
  return { colour: inks[place % COLOURS]!, dash: DASHES[place % DASHES.length]! };
}

export interface Paint {
  contrast: boolean;
  text: string;
  dim: string;
  grid: string;
  background: string;
  accent: string;
  font: string;
  inks: string[];
  /** Parts of a stack. */
  parts: string[];
  /** From hardly any to many. */
  ramp: string[];
}

/** As the theme has it now. */
export function paintNow(): Paint {
  const style = getComputedStyle(document.documentElement);
  const read = (name: string): string => style.getPropertyValue(name).trim();
  const several = (name: string, count: number): string[] => Array.from({ length: count }, (_, i) => read(`--${name}-${i}`));
  return {
    contrast: document.documentElement.dataset.theme?.startsWith('contrast') ?? false,
    text: read('--text'), dim: read('--dim'), grid: read('--grid'), background: read('--bg'), accent: read('--focus'), font: `11px ${getComputedStyle(document.body).fontFamily}`,
    inks: several('ink', COLOURS), parts: several('part', 4), ramp: several('heat', 6),
  };
}
