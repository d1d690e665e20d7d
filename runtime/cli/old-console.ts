/** The old console of Windows, which most fonts give no more than the letters of 1992. */

const INSTEAD: Readonly<Record<string, string>> = {
  '✓': '√', '✗': '×', '━': '═', '◆': '*', '↺': 'o', '⏎': '¶', '⇥': '»', '‖': '|', '⟨': '‹', '⟩': '›',
  ...pairs('⠋⠙⠹⠸⠼⠴⠦⠧⠇⠏', '|/-\\|/-\\|/'), ...pairs('▁▂▃▄▅▆▇█', '.:-=+*#@'),
};
const UNKNOWN = new RegExp(`[${Object.keys(INSTEAD).join('')}]`, 'gu');

function pairs(signs: string, instead: string): Record<string, string> {
  return Object.fromEntries(Array.from(signs, (sign, at) => [sign, instead[at]!]));
}

/** Newer terminals say who they are. */
export function isOldConsole(env: NodeJS.ProcessEnv = process.env, platform: NodeJS.Platform = process.platform): boolean {
  return platform === 'win32' && ['WT_SESSION', 'TERM_PROGRAM', 'TERM', 'ConEmuTask', 'TERMINAL_EMULATOR'].every((name) => env[name] === undefined);
}

/** As wide as it was. */
export function inOldLetters(text: string): string {
  return text.replace(UNKNOWN, (sign) => INSTEAD[sign]!);
}
