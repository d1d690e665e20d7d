/** What token ids stand for, where the run's vocabulary was kept. */
import { join } from 'node:path';
import type { RunInfo } from '../../../runtime/trace/index.ts';
import { openVocabulary } from '../../../runtime/view/vocabulary.ts';

/** Undefined for an id that nobody knows. */
export type TokenWords = (id: number) => string | undefined;

const opened = new Map<string, Promise<TokenWords>>();

export function tokenWords(dir: string, { tokenizer }: RunInfo): Promise<TokenWords> {
  if (tokenizer === undefined) return Promise.resolve(() => undefined);
  // Kept once for all runs of a project, beside them: <runs>/<project>/<experiment>/<time>.
  const file = join(dir, '../../../.tokenizers', tokenizer.sha256.slice(0, 16), 'tokenizer.json');
  const words = opened.get(file) ?? open(file);
  opened.set(file, words);
  return words;
}

async function open(file: string): Promise<TokenWords> {
  try {
    const vocabulary = await openVocabulary(file);
    const decoder = new TextDecoder();
    return (id) => {
      const bytes = vocabulary.bytes(id);
      return bytes && decoder.decode(bytes);
    };
  } catch {
    // Then they are shown by their ids.
    opened.delete(file);
    return () => undefined;
  }
}
