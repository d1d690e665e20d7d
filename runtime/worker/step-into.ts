/**
 * "Step into code": makes a debugger that is attached to this process stop in the user's function that made a call, once that goes on.
 *
 * A `debugger` statement of ours would stop in a frame of ours, or nowhere if the debugger skips our files; stepping out of it leads through agent and
 * client libraries, and its asynchronous part is lost where those return promises of their own. So a session of our own sets breakpoints on every place
 * of the user's function where one can be, for this rollout alone, and takes them away at the first that is reached. V8 tells every session of the
 * pause: the debugger has nothing to do but show it. Where none is attached Node does not pause.
 */
import { Session } from 'node:inspector';
import { findSourceMap } from 'node:module';
import { pathToFileURL } from 'node:url';
import type { Place } from '../protocol/errors.ts';

/** Zero-based, as the debugger counts. */
interface Location {
  scriptId: string;
  lineNumber: number;
  columnNumber?: number;
}

/** A function under this name tells, from inside a breakpoint's condition, whether the code that reached it is meant. */
const MEANT = Symbol.for('tuning-fork.worker.stepped-into');
/** Files of thousands of functions would be searched for long. */
const MOST_SEARCHED = 4_000;

const aims = new Map<number, () => boolean>();
let aimed = 0;

Object.defineProperty(globalThis, MEANT, { value: (aim: number) => aims.get(aim)?.() ?? false });

/** `isMine`: whether the code that runs now belongs to the rollout. A place without a line stands for its whole file. The answer calls it off. */
export function stepInto(place: Place, isMine: () => boolean): () => void {
  const session = new Session();
  const aim = ++aimed;
  const end = (): void => {
    if (aims.delete(aim)) session.disconnect();
  };
  session.connect();
  aims.set(aim, isMine);
  session.once('Debugger.paused', end);
  const script = scriptOf(session, place.file);
  const condition = `globalThis[Symbol.for(${JSON.stringify(Symbol.keyFor(MEANT))})]?.(${aim})`;
  if (script !== undefined) for (const location of locationsOf(session, script, place)) session.post('Debugger.setBreakpoint', { location, condition });
  return end;
}

function scriptOf(session: Session, file: string): string | undefined {
  const url = pathToFileURL(file).href;
  let script: string | undefined;
  session.on('Debugger.scriptParsed', ({ params }) => {
    if (params.url === url || params.url === file) script = params.scriptId;
  });
  session.post('Debugger.enable');
  return script;
}

function locationsOf(session: Session, scriptId: string, { file, line, column = 1 }: Place): Location[] {
  const possible = (start: Location, restrictToFunction: boolean): Location[] => {
    let found: Location[] = [];
    // Of a session on its own thread, the answer is there when `post` returns.
    session.post('Debugger.getPossibleBreakpoints', { start, restrictToFunction }, (_error, answer) => void (found = answer?.locations ?? []));
    return found;
  };
  const all = possible({ scriptId, lineNumber: 0, columnNumber: 0 }, false);
  if (line === undefined) return all;
  const site = all.find((location) => isAt(location, file, line, column)) ?? all.find((location) => isAt(location, file, line, 1));
  if (site === undefined) return [];
  const rest = possible(site, true);
  const before = all.slice(Math.max(0, all.indexOf(site) - MOST_SEARCHED), all.indexOf(site)).filter((location) => {
    const [first, ...others] = possible(location, true);
    return first !== undefined && isSame(first, location) && others.some((other) => isSame(other, site));
  });
  return [...before, ...rest];
}

/** On this line of the source, at this column or behind it. */
function isAt({ lineNumber, columnNumber = 0 }: Location, file: string, line: number, column: number): boolean {
  const map = findSourceMap(file);
  if (map === undefined) return lineNumber + 1 === line && columnNumber + 1 >= column;
  const origin = map.findEntry(lineNumber, columnNumber);
  return 'originalLine' in origin && origin.originalLine + 1 === line && origin.originalColumn + 1 >= column;
}

function isSame(a: Location, b: Location): boolean {
  return a.lineNumber === b.lineNumber && a.columnNumber === b.columnNumber;
}
