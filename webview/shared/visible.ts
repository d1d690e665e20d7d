/** What turns the direction of text or can't be seen is told by its number: model output must not act on what stands around it. */
const ACTING = /(?!\t|\n|\r|\u200c|\u200d)[\p{Cc}\p{Cf}]|(?!\ufe0e|\ufe0f)\p{Variation_Selector}/gu;

export function visible(text: string): string {
  return text.replace(ACTING, (character) => `⟨U+${character.codePointAt(0)!.toString(16).toUpperCase().padStart(4, '0')}⟩`);
}
