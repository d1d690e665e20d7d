/** Ids one after another -> text: what stands in several tokens stands at the last of them, bytes that are none become U+FFFD. */
export interface TokenBytes {
  /** Undefined for an id it does not have. */
  bytes(id: number): Uint8Array | undefined;
}

/** Put together, the texts from a beginning to its last token are the text of all bytes together. */
export class TokenTexts {
  readonly #vocabulary: TokenBytes;
  readonly #stream = new TextDecoder('utf-8', { ignoreBOM: true });
  /** Of ids whose bytes are whole characters; null: not alone. */
  readonly #whole = new Map<number, string | null>();
  /** A character may have begun and not ended. */
  #open = false;

  constructor(vocabulary: TokenBytes) {
    this.#vocabulary = vocabulary;
  }

  /** What follows does not go on from what was before. */
  begin(): void {
    this.#stream.decode();
    this.#open = false;
  }

  /** Null where the vocabulary lacks it. `last`: what has begun there ends there. */
  next(id: number, last: boolean): string | null {
    const bytes = this.#vocabulary.bytes(id);
    if (bytes === undefined) return null;
    const whole = this.#wholeOf(id, bytes);
    if (whole !== null && !this.#open) return whole;
    const text = this.#stream.decode(bytes, { stream: !last });
    this.#open = whole === null && !last;
    return text;
  }

  #wholeOf(id: number, bytes: Uint8Array): string | null {
    const known = this.#whole.get(id);
    if (known !== undefined) return known;
    let text: string | null;
    try {
      text = strict.decode(bytes);
    } catch {
      text = null;
    }
    this.#whole.set(id, text);
    return text;
  }
}

const strict = new TextDecoder('utf-8', { ignoreBOM: true, fatal: true });
