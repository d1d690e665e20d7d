/** A name that nothing has yet: `agent`, `agent-2`, `agent-3`. */
export function freeName(name: string, taken: (name: string) => boolean): string {
  if (!taken(name)) return name;
  for (let i = 2; ; i++) if (!taken(`${name}-${i}`)) return `${name}-${i}`;
}

/** On every system, so that a project can go from one to another. */
export function isFolderName(text: string): boolean {
  return /^[^\s.\\/:*?"<>|\p{Cc}][^\\/:*?"<>|\p{Cc}]*(?<![\s.])$/u.test(text) && text.length <= 100 && !/^(?:con|prn|aux|nul|com\d|lpt\d)$/i.test(text);
}

/** `MathAgent` -> `math-agent`. */
export function kebab(name: string): string {
  return name.replace(/([a-z0-9])([A-Z])/g, '$1-$2').replace(/([A-Z])([A-Z][a-z])/g, '$1-$2').replaceAll('_', '-').toLowerCase();
}
