import type { CallRecord, RolloutRecord } from '../protocol/trace.ts';
import { references } from './resolve.ts';

const HIDDEN = '[secret]';

/** Below this a "secret" is a placeholder (`none`, `EMPTY`, `ollama`), and hiding it would eat ordinary text. */
const SHORTEST_SECRET = 8;

const KEY_NAMES = '[\\w.-]{0,40}api[-_]?key|(?:proxy-)?authorization|(?:x-)?(?:auth|access|refresh)[-_]?token'
  + '|client[-_]?secret|secret[-_]?key|private[-_]?key|passw(?:or)?d';
const SECRET_KEY = new RegExp(`^(?:${KEY_NAMES})$`, 'i');
const SECRET_KEY_IN_JSON = new RegExp(`"(?:${KEY_NAMES})":`, 'i');
/** `${OPENAI_API_KEY}` in a configuration names a secret and holds none. */
const REFERENCE = /^\$\{\w+\}$/;

export class Redactor {
  /** Forms a secret takes in a string: as it is, inside JSON inside it (twice), in a URL. Longest first, as one may contain another. */
  readonly #forms: string[];
  readonly #formsInJson: string[];

  constructor(secrets: readonly string[]) {
    const forms = secrets
      .filter((secret) => secret.length >= SHORTEST_SECRET)
      .flatMap((secret) => [secret, escaped(secret), escaped(escaped(secret)), encodeURIComponent(secret.toWellFormed())]);
    this.#forms = [...new Set(forms)].sort((a, b) => b.length - a.length);
    this.#formsInJson = [...new Set(this.#forms.map(escaped))];
  }

  /** Whether serialised JSON may hold a secret. Cheap, so that nothing is walked in the usual case. */
  suspects(json: string): boolean {
    return SECRET_KEY_IN_JSON.test(json) || this.#formsInJson.some((form) => json.includes(form));
  }

  /** With every occurrence of the secrets, and every value under a key such as `api_key`, replaced. The same reference where nothing was hidden. */
  redact<T>(value: T): T {
    return this.#walk(value) as T;
  }

  rollout(record: RolloutRecord): RolloutRecord {
    const withheld = new Set<number>();
    const { calls, ...rest } = record;
    return { ...this.redact(rest), calls: calls.map((call) => this.call(call, withheld)) };
  }

  /**
   * Token ids spell the text out again, so a call whose text held a secret, and each one that continues from it, keeps no ids.
   * `withheld` remembers those calls of one rollout, in order of their index.
   */
  call(call: CallRecord, withheld: Set<number>): CallRecord {
    const clean = this.redact(call);
    const leaked = clean.history !== call.history || clean.reply !== call.reply || clean.tools !== call.tools
      || references(call).some((from) => withheld.has(from));
    if (!leaked) return clean;
    withheld.add(call.index);
    const { tokens, ...rest } = clean;
    return tokens ? { ...rest, continuation: 'untracked', why: 'no-token-ids' } : clean;
  }

  #walk(value: unknown): unknown {
    if (typeof value === 'string') return this.#text(value);
    if (typeof value !== 'object' || value === null) return value;
    if (Array.isArray(value)) {
      if (typeof value[0] === 'number') return value;
      const walked = value.map((member) => this.#walk(member));
      return walked.every((member, i) => member === value[i]) ? value : walked;
    }
    const walked: Record<string, unknown> = {};
    let changed = false;
    for (const [key, member] of Object.entries(value)) {
      const name = this.#text(key);
      const clean = SECRET_KEY.test(key) && holdsSecret(member) ? HIDDEN : this.#walk(member);
      if (name !== key || clean !== member) changed = true;
      Object.defineProperty(walked, name, { value: clean, enumerable: true, configurable: true, writable: true });
    }
    return changed ? walked : value;
  }

  #text(text: string): string {
    let clean = text;
    for (const form of this.#forms) {
      if (clean.includes(form)) clean = clean.replaceAll(form, HIDDEN);
    }
    return clean;
  }
}

function holdsSecret(value: unknown): boolean {
  return typeof value === 'number' || (typeof value === 'string' && value !== '' && !REFERENCE.test(value));
}

function escaped(text: string): string {
  return JSON.stringify(text).slice(1, -1);
}
