/** Every error a person sees: a code to search for, one sentence, and the next step. */
export interface ErrorInfo {
  code: ErrorCode;
  message: string;
  next?: string | undefined;
  where?: Place | undefined;
  /** A stack that starts in user code where there is one. */
  stack?: string | undefined;
}

/** A place in a file, one-based as editors show it. */
export interface Place {
  file: string;
  line?: number;
  column?: number;
  /** A configuration key such as `rollout.temperature`, or a function name in code. */
  key?: string;
}

export type ErrorCode =
  // what the user wrote
  | 'config' | 'workflow' | 'judge' | 'tool' | 'data' | 'usage'
  // what happened to one rollout
  | 'rollout-threw' | 'rollout-timeout' | 'rollout-blocked' | 'rollout-exited' | 'rollout-crashed'
  | 'rollout-cancelled' | 'reward' | 'no-model-call' | 'diverged'
  // models
  | 'policy' | 'model-request' | 'context-length' | 'non-finite' | 'provider'
  // a call that was dropped because the weights changed under it: made again, it is answered by the new ones
  | 'swapped'
  // a trainer that refused or failed, and one that is dead or silent: start another, load, replay
  | 'trainer' | 'trainer-gone'
  // what a training is told of how it goes
  | 'training'
  // processes and files
  | 'backbone' | 'worker' | 'protocol' | 'auth' | 'trace' | 'not-here-yet' | 'internal';

export class TuningForkError extends Error {
  readonly code: ErrorCode;
  readonly next: string | undefined;
  readonly where: Place | undefined;
  /** Of user code. Our own frames would only hide the sentence. */
  readonly userStack: string | undefined;

  constructor(code: ErrorCode, message: string, extra: { next?: string | undefined; where?: Place | undefined; cause?: unknown; stack?: string | undefined } = {}) {
    super(message, { cause: extra.cause });
    this.name = 'TuningForkError';
    this.code = code;
    this.next = extra.next;
    this.where = extra.where;
    this.userStack = extra.stack;
    if (extra.stack !== undefined) this.stack = extra.stack;
  }
}

/** Stands for the file of a place that is in none. */
export const COMMAND_LINE = 'the command line';

export function errorInfo(error: unknown, code: ErrorCode = 'internal'): ErrorInfo {
  if (error instanceof TuningForkError) {
    return { code: error.code, message: error.message, next: error.next, where: error.where, stack: error.userStack };
  }
  if (error instanceof Error) return { code, message: `${error.name}: ${error.message}`, stack: error.stack };
  return { code, message: String(error) };
}

export function fromErrorInfo(info: ErrorInfo): TuningForkError {
  return new TuningForkError(info.code, info.message, { next: info.next, where: info.where, stack: info.stack });
}

export function formatPlace(place: Place): string {
  const position = place.line === undefined ? '' : `:${place.line}${place.column === undefined ? '' : `:${place.column}`}`;
  return `${place.file}${position}${place.key === undefined ? '' : ` (${place.key})`}`;
}

/** The form for a terminal: `place: sentence` and the next step on a line of its own. */
export function formatError(info: ErrorInfo): string {
  const place = info.where ? `${formatPlace(info.where)}: ` : '';
  return `${place}${info.message}${info.next ? `\n  → ${info.next}` : ''}`;
}
