/** One thing the Doctor looked at: a verdict, a cause, and what helps. No editor here. */
import { smallDrive } from '../../runtime/protocol/paths.ts';

export type Verdict = 'ok' | 'warning' | 'failed' | 'told';

export interface Finding {
  /** What was looked at. */
  title: string;
  verdict: Verdict;
  message: string;
  next?: string;
  /** A click that helps. */
  fixes?: { title: string; command: string; args?: unknown[] }[];
}

export interface Section {
  title: string;
  findings: Finding[];
}

const SIGNS: Record<Verdict, string> = { ok: '✓', warning: '!', failed: '✗', told: '·' };

/** To be pasted somewhere: the home folder is not told. */
export function asText(sections: readonly Section[], home: string, platform = process.platform): string {
  const lines = sections.flatMap(({ title, findings }) => [
    `## ${title}`, ...findings.map((finding) => `${SIGNS[finding.verdict]} ${finding.title}: ${finding.message}${finding.next === undefined ? '' : `\n  → ${finding.next}`}`), '',
  ]);
  const text = lines.join('\n');
  return home === '' || home === '/' ? text : text.replaceAll(home, '~').replaceAll(smallDrive(home, platform), '~');
}

export interface Words {
  language: string;
  title: string;
  verdicts: Record<Verdict, string>;
  actions: { title: string; command: string; args?: unknown[] }[];
}

/** No script, nothing fetched; what can be clicked are commands of the editor. */
export function asPage(sections: readonly Section[], { language, title, verdicts, actions }: Words): string {
  return `<!doctype html>
<html lang="${text(language)}">
<meta charset="utf-8">
<meta http-equiv="Content-Security-Policy" content="default-src 'none'; style-src 'unsafe-inline'">
<title>${text(title)}</title>
<style>${STYLE}</style>
<main>
<h1>${text(title)}</h1>
<p>${actions.map(button).join(' ')}</p>
${sections.map((section) => `<h2>${text(section.title)}</h2>\n<ul>${section.findings.map((finding) => item(finding, verdicts)).join('\n')}</ul>`).join('\n')}
</main>
</html>
`;
}

function item({ title, verdict, message, next, fixes = [] }: Finding, verdicts: Words['verdicts']): string {
  return `<li class="${verdict}"><span class="sign" role="img" aria-label="${text(verdicts[verdict])}">${SIGNS[verdict]}</span><div><b>${text(title)}</b> <span>${text(message)}</span>${
    next === undefined ? '' : `<p class="next">${text(next)}</p>`}${fixes.length === 0 ? '' : `<p>${fixes.map(button).join(' ')}</p>`}</div></li>`;
}

function button({ title, command, args = [] }: { title: string; command: string; args?: unknown[] }): string {
  return `<a class="button" role="button" href="command:${command}?${encodeURIComponent(JSON.stringify(args))}">${text(title)}</a>`;
}

const STYLE = `
body { color: var(--vscode-foreground); font: var(--vscode-font-size) / 1.5 var(--vscode-font-family); padding: 8px 24px 48px }
main { max-width: 900px } h1 { font-weight: 600; font-size: 1.6em; margin: .6em 0 } h2 { font-weight: 600; font-size: 1.1em; margin: 1.6em 0 .4em }
ul { list-style: none; margin: 0; padding: 0 } li { display: flex; gap: 12px; padding: 6px 0; border-bottom: 1px solid var(--vscode-widget-border, var(--vscode-contrastBorder, transparent)) }
li > div { flex: 1; overflow-wrap: anywhere } p { margin: 4px 0 } .next { color: var(--vscode-descriptionForeground) }
.sign { width: 1em; text-align: center; font-weight: 700 } .ok .sign { color: var(--vscode-testing-iconPassed) }
.warning .sign { color: var(--vscode-editorWarning-foreground) } .failed .sign { color: var(--vscode-editorError-foreground) }
.button { display: inline-block; padding: 2px 10px; border-radius: 2px; text-decoration: none; color: var(--vscode-button-secondaryForeground); background: var(--vscode-button-secondaryBackground); border: 1px solid var(--vscode-contrastBorder, var(--vscode-widget-border, currentColor)) }
.button:hover { background: var(--vscode-button-secondaryHoverBackground) } .button:focus-visible { outline: 1px solid var(--vscode-focusBorder); outline-offset: 2px }
`;

function text(value: string): string {
  return value.replace(/[&<>"']/g, (character) => `&#${character.charCodeAt(0)};`);
}
