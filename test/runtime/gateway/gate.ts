/** The least that holds calls: once told to, the next ones wait until they are let go. */
import type { CallHooks } from '../../../runtime/gateway/hooks.ts';
import type { CallDecision, PendingCall } from '../../../runtime/protocol/backbone.ts';

export class Gate implements CallHooks {
  readonly waiting: PendingCall[] = [];
  #holding = false;
  #decide: ((decision: CallDecision) => void)[] = [];
  readonly #onHeld: () => void;

  constructor(onHeld: () => void = () => {}) {
    this.#onHeld = onHeld;
  }

  hold(): void {
    this.#holding = true;
  }

  release(decision: CallDecision = { do: 'go' }): void {
    this.#holding = false;
    this.waiting.length = 0;
    for (const [index, decide] of this.#decide.splice(0).entries()) decide(index === 0 ? decision : { do: 'go' });
  }

  beforeCall(call: PendingCall): Promise<CallDecision> | undefined {
    if (!this.#holding) return undefined;
    return new Promise((decide) => {
      this.waiting.push(call);
      this.#decide.push(decide);
      this.#onHeld();
    });
  }
}
