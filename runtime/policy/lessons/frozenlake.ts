import { after, distances, draw, goal, lakeOf, maxMoves, moves, size, type Lake, type Move } from '../../../examples/frozenlake/environment.ts';
import { systemPrompt, userMessage } from '../../../examples/frozenlake/prompt.ts';
import type { Seeded } from '../../../examples/seeded.ts';
import type { ChatMessage } from '../../protocol/chat.ts';
import { opening, type Conversation } from './conversation.ts';

const careful = 0.4;
const strays = 0.03;
/** Some games begin nearer to the goal or further from it than those of the example: more is decided in fewer moves. */
const elsewhere = 0.5;

/** A game by a walker who heads for the goal: some look out for holes, most do not. */
export function frozenlakeLesson(random: Seeded): Conversation {
  const lake = lakeOf(random.between(0, 2 ** 31), 'lessons');
  const looks = random.chance(careful);
  const start = random.chance(elsewhere) ? random.pick([...distances(lake.holes).keys()].slice(1)) : lake.start;
  const messages: ChatMessage[] = opening(systemPrompt, userMessage(draw(lake, start)));
  for (let at = start, left = maxMoves; ; ) {
    const move = random.chance(strays) ? random.pick(safeMoves(lake, at)) : looks ? carefulMove(lake, at) : hastyMove(at);
    messages.push({ role: 'assistant', content: move });
    at = after(at, move);
    if (at === goal || lake.holes.has(at) || --left === 0) break;
    messages.push({ role: 'user', content: userMessage(draw(lake, at)) });
  }
  return { task: 'frozenlake', messages };
}

function safeMoves(lake: Lake, at: number): Move[] {
  return moves.filter((move) => after(at, move) !== at && !lake.holes.has(after(at, move)));
}

/** A shortest way over ice, the hasty one where that is one of them. */
function carefulMove(lake: Lake, at: number): Move {
  const distance = distances(lake.holes);
  const shortest = moves.filter((move) => distance.get(after(at, move)) === distance.get(at)! - 1);
  const hasty = hastyMove(at);
  return shortest.includes(hasty) ? hasty : shortest[0]!;
}

function hastyMove(at: number): Move {
  return at % size < size - 1 ? 'right' : 'down';
}
