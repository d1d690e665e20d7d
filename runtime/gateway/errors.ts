import { errorInfo, TuningForkError, type ErrorCode } from '../protocol/errors.ts';

/** An error with the shape that clients of the OpenAI API know how to read. */
export class ApiError extends TuningForkError {
  readonly status: number;
  readonly type: string;
  readonly apiCode: string | null;
  /** The place in the request body, such as `messages[2].content`. */
  readonly param: string | null;

  constructor(
    status: number,
    message: string,
    extra: { code?: ErrorCode; type?: string; apiCode?: string; param?: string; next?: string; cause?: unknown } = {},
  ) {
    super(extra.code ?? 'model-request', message, { next: extra.next, cause: extra.cause });
    this.name = 'ApiError';
    this.status = status;
    this.type = extra.type ?? (status < 500 ? 'invalid_request_error' : 'server_error');
    this.apiCode = extra.apiCode ?? null;
    this.param = extra.param ?? null;
  }
}

/** The request itself is wrong, at `param`. */
export function badRequest(param: string, message: string, next?: string): ApiError {
  return new ApiError(400, `${param}: ${message}`, { param, next });
}

export interface ErrorAnswer {
  status: number;
  body: string;
  /** Clients of the OpenAI libraries repeat a 5xx by themselves unless told that it is of no use. */
  retry: boolean;
}

const statusOf: Partial<Record<ErrorCode, number>> = {
  'model-request': 400, 'context-length': 400, usage: 400, config: 400, auth: 401, diverged: 409, provider: 502,
};

const settled: ReadonlySet<ErrorCode> = new Set(['non-finite', 'diverged', 'config', 'usage', 'workflow', 'not-here-yet']);

/** What goes over the wire: our sentence and next step in `message`, our code in `code` where OpenAI has none of its own. */
export function errorAnswer(error: unknown): ErrorAnswer {
  const info = errorInfo(error);
  const api = error instanceof ApiError ? error : undefined;
  const status = api?.status ?? statusOf[info.code] ?? 500;
  return {
    status,
    retry: status === 429 || (status >= 500 && !settled.has(info.code)),
    body: JSON.stringify({
      error: {
        message: info.next === undefined ? info.message : `${info.message} ${info.next}`,
        type: api?.type ?? (status < 500 ? 'invalid_request_error' : 'server_error'),
        param: api?.param ?? null,
        code: api?.apiCode ?? (info.code === 'model-request' ? null : info.code === 'context-length' ? 'context_length_exceeded' : info.code),
      },
    }),
  };
}

export function contextOverflow(contextLength: number, promptLength: number): ApiError {
  return new ApiError(
    400,
    `This model's maximum context length is ${contextLength} tokens. However, your messages resulted in ${promptLength} tokens.`,
    {
      code: 'context-length', param: 'messages',
      next: 'Shorten the history or the tool results, or choose a model with a longer context.',
    },
  );
}
