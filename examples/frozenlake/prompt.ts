import { moves, type Move } from './environment.ts';

export const systemPrompt = 'Walk P over the ice _ to G. O is a hole. Answer left, down, right or up.';

/** Each user message shows the lake as it is now. */
export function userMessage(grid: string): string {
  return grid;
}

/** The answer is one word. Anything else is no move, and the player stands still. */
export function parseMove(text: string): Move | undefined {
  const word = text.trim().toLowerCase();
  return moves.find((move) => move === word);
}
