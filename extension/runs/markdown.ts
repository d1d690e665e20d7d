/**
 * What models, judges and user code say, as Markdown that says just that. VS Code's own `appendText` joins the words by spaces at which no
 * line breaks.
 */
export function asMarkdown(text: string): string {
  return text.replace(/[\\`*_{}[\]()#+\-.!|<>$~&]/g, '\\$&').replace(/\s*\n\s*/g, '\n\n');
}
