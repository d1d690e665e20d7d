/** Texts of a page in the language of its host. English stands for what is missing elsewhere: nothing is, a test says. */
export interface Texts<Key extends string> {
  t(key: Key, ...values: (string | number)[]): string;
  use(language: string): void;
}

export function texts<Key extends string>(english: Record<Key, string>, chinese: Record<Key, string>): Texts<Key> {
  let table = english;
  return {
    use: (language) => void (table = /^zh/i.test(language) ? chinese : english),
    t: (key, ...values) => (values.length === 0 ? table[key] : table[key].replace(/\{(\d)\}/g, (_, place: string) => String(values[Number(place)] ?? ''))),
  };
}
