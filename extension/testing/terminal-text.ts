import { onlyColors } from '../../runtime/cli/terminal.ts';

/** What user code and models say, for the terminal of the Testing view: in colours, perhaps, and without anything else that a terminal obeys. */
export function terminalText(text: string): string {
  return onlyColors(text.replaceAll('\r\n', '\n')).replaceAll('\n', '\r\n');
}
