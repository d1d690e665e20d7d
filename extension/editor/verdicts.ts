/** Where a judge gives its verdict. By sight of the text: a parser would be loaded for this line alone. */

/** The line (from 0) on which a class begins. */
export function classLine(text: string, className: string): number | undefined {
  const named = className === 'default' ? /\bexport\s+default\s+class\b/ : new RegExp(`\\bclass\\s+${className.replaceAll('$', '\\$')}(?![\\w$])`);
  const line = text.split('\n').findIndex((one) => named.test(one));
  return line < 0 ? undefined : line;
}

/** The line (from 0) of the only `return` of `judge()` in this class, or of `judge()` where it has several; undefined without one. */
export function verdictLine(text: string, className: string): number | undefined {
  const lines = text.split('\n');
  const from = classLine(text, className);
  if (from === undefined) return undefined;
  const judge = lines.findIndex((line, at) => at >= from && /^\s*(?:public\s+)?(?:override\s+)?(?:async\s+)?judge\s*[(=<]/.test(line));
  if (judge < 0) return undefined;
  const margin = indent(lines[judge]!);
  const returns: number[] = [];
  for (let at = judge + 1; at < lines.length; at++) {
    const line = lines[at]!;
    if (line.trim() !== '' && indent(line) <= margin && /^\s*[}\])]*[;,]?\s*$/.test(line)) break;
    if (/^\s*(?:if\s*\(.*\)\s*|else\s+)?return\b/.test(line)) returns.push(at);
  }
  return returns.length === 1 ? returns[0] : judge;
}

function indent(line: string): number {
  return line.length - line.trimStart().length;
}
