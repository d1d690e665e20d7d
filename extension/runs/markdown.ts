/**
 * What models, judges and user code say, as Markdown that says just that. VS Code's own `appendText` joins the words by spaces at which no
 * line breaks.
 */
export function asMarkdown(text: string): string {
  return text.replace(/[\\`*_{}[\]()#+\-.!|<>$~&]/g, '\\$&').replace(/\s*\n\s*/g, '\n\n');
}

/** The address of a link that runs a command. A folder may be named like the end of it, and the beginning of another. */
export function commandUri(command: string, ...args: unknown[]): string {
  return `command:${command}?${encodeURIComponent(JSON.stringify(args)).replace(/[()]/g, (bracket) => (bracket === '(' ? '%28' : '%29'))}`;
}
