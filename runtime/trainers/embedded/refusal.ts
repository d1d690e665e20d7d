import { TuningForkError, type ErrorCode } from '../../protocol/errors.ts';

/** An error with the status it is answered with. */
export class Refusal extends TuningForkError {
  readonly status: number;

  constructor(status: number, message: string, extra: { code?: ErrorCode; next?: string } = {}) {
    super(extra.code ?? 'protocol', message, { next: extra.next });
    this.status = status;
  }
}
