/** An answer in parts, as it is sampled: told is only what no later token can turn into thinking, a tool call or a stop string. */
import type { ChatMessage } from '../protocol/chat.ts';
import type { TokenPolicy } from '../policy/policy.ts';
import { CALL_OPENINGS } from '../policy/tool-calls.ts';

export type Part = { reasoning_content: string } | { content: string };

export interface PartsOptions {
  policy: Pick<TokenPolicy, 'tokenizer' | 'format'>;
  /** The prompt's text: some templates open the thinking there. */
  prompt: string;
  /** The answer may call tools. */
  tools: boolean;
  stop: readonly string[];
}

const THINK = '<think>';
const THOUGHT = '</think>';

export class AnswerParts {
  readonly #policy: PartsOptions['policy'];
  readonly #tools: boolean;
  readonly #stop: readonly string[];
  readonly #decoder = new TextDecoder();
  /** `rest`: told once it is whole. */
  #now: 'opening' | 'thinking' | 'thought' | 'content' | 'rest';
  #text = '';
  #told = { reasoning: '', content: '' };

  constructor({ policy, prompt, tools, stop }: PartsOptions) {
    this.#policy = policy;
    this.#tools = tools;
    this.#stop = stop;
    this.#now = /<think>\s*$/.test(prompt) ? 'thinking' : 'opening';
  }

  push(id: number): Part[] {
    const { tokenizer, format } = this.#policy;
    if (format.stopIds.has(id)) return [];
    this.#text += tokenizer.isSpecial(id) ? tokenizer.decode([id]) : this.#decoder.decode(tokenizer.bytes(id), { stream: true });
    const parts: Part[] = [];
    if (this.#now === 'opening') this.#open();
    if (this.#now === 'thinking') parts.push(...this.#think());
    if (this.#now === 'thought') this.#goOn();
    if (this.#now === 'content') parts.push(...this.#speak());
    return parts;
  }

  /** What of the whole answer has not been told. */
  end({ content, reasoning }: ChatMessage): Part[] {
    return [...this.#tellReasoning(restOf(reasoning ?? '', this.#told.reasoning)), ...this.#tellContent(restOf(content, this.#told.content))];
  }

  #open(): void {
    if (this.#stopped()) return;
    const start = this.#text.trimStart();
    if (THINK.startsWith(start)) return;
    if (!start.startsWith(THINK)) return this.#begin(this.#text);
    this.#now = 'thinking';
    this.#text = start.slice(THINK.length);
  }

  #think(): Part[] {
    const { safe, found } = this.#safe([THOUGHT, ...this.#stop]);
    const said = this.#text.slice(0, safe).trimEnd();
    if (found === THOUGHT) {
      this.#now = 'thought';
      this.#text = this.#text.slice(safe + THOUGHT.length);
    } else {
      if (found !== undefined) this.#now = 'rest';
      this.#text = this.#text.slice(said.length);
    }
    return this.#tellReasoning(this.#told.reasoning === '' ? said.trimStart() : said);
  }

  /** Blanks between thinking and content belong to neither. */
  #goOn(): void {
    const text = this.#text.trimStart();
    if (!this.#stopped() && text !== '') this.#begin(text);
  }

  /** JSON where there are tools may be a call without tags. */
  #begin(text: string): void {
    this.#text = text;
    this.#now = this.#tools && text.trimStart().startsWith('{') ? 'rest' : 'content';
  }

  #stopped(): boolean {
    if (!this.#stop.some((stop) => this.#text.includes(stop))) return false;
    this.#now = 'rest';
    return true;
  }

  #speak(): Part[] {
    const { safe, found } = this.#safe(this.#tools ? [...this.#stop, ...CALL_OPENINGS] : this.#stop);
    if (found !== undefined) this.#now = 'rest';
    // Blanks before a tool call are no content.
    const said = this.#tools ? this.#text.slice(0, safe).trimEnd() : this.#text.slice(0, safe);
    this.#text = this.#text.slice(said.length);
    return this.#tellContent(said);
  }

  /** How far the text reaches before one of the marks, or before what may become one. */
  #safe(marks: readonly string[]): { safe: number; found?: string } {
    let safe = this.#text.length;
    let found: string | undefined;
    for (const mark of marks) {
      const at = this.#text.indexOf(mark);
      if (at === -1 || at >= safe) continue;
      safe = at;
      found = mark;
    }
    if (found !== undefined) return { safe, found };
    return { safe: safe - Math.max(0, ...marks.map((mark) => beginningAtEnd(this.#text, mark))) };
  }

  #tellReasoning(text: string): Part[] {
    this.#told.reasoning += text;
    return text === '' ? [] : [{ reasoning_content: text }];
  }

  #tellContent(text: string): Part[] {
    this.#told.content += text;
    return text === '' ? [] : [{ content: text }];
  }
}

/** A tokenizer may drop a blank before the first word of a text, but not of a token. */
function restOf(whole: string, told: string): string {
  if (whole.startsWith(told)) return whole.slice(told.length);
  const [said, known] = [whole.trimStart(), told.trimStart()];
  return said.startsWith(known) ? said.slice(known.length) : '';
}

/** Length of the longest beginning of `mark` that `text` ends with. */
function beginningAtEnd(text: string, mark: string): number {
  for (let length = Math.min(text.length, mark.length - 1); length > 0; length--) {
    if (text.endsWith(mark.slice(0, length))) return length;
  }
  return 0;
}
