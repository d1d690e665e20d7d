/** Segments as a reader sees them: a message, or a call's answer with the tokens that open it. */
import { TOKEN, type Segment, type Timeline, type TimelineCall } from '../../../runtime/protocol/viewer.ts';

export interface Block {
  from: number;
  to: number;
  /** First and last segment. */
  first: number;
  last: number;
  role: Segment['role'];
  /** The call whose answer is in it, and that answer's segment. */
  call: TimelineCall | undefined;
  answer: number | null;
  /** Other calls that sampled the same tokens here. */
  also: TimelineCall[];
  /** The block it goes on from; null at a root. */
  parent: number | null;
  /** It doesn't go on from the block before it. */
  branch: boolean;
  /** The rest of a message or an answer that a branch cut in two. */
  continues: boolean;
  sampled: number;
  trained: number;
}

export function blocksOf(timeline: Timeline): Block[] {
  const { segments } = timeline;
  const calls = new Map(timeline.calls.map((call) => [call.index, call]));
  const blocks: Block[] = [];
  const blockOf: number[] = [];
  /** Another answer to the same prompt stands beside the first one, not under it. */
  const parentOf = ({ parent }: Segment): number | null => {
    if (parent === null) return null;
    const above = blocks[blockOf[parent]!]!;
    return above.answer !== null && parent < above.answer ? above.parent : blockOf[parent]!;
  };
  for (const [place, segment] of segments.entries()) {
    const before = segments[place - 1];
    const follows = place > 0 && segment.parent === place - 1;
    const last = blocks.at(-1);
    // What a template puts behind an answer, and an answer behind its opening. A template whose roles are not known opens the next answer, too.
    const opensAnswer = segments[place + 1]?.parent === place && segments[place + 1]?.kind === 'answer';
    const joins = follows && last !== undefined && before !== undefined && (segment.kind === 'prompt' ? segment.role === 'template' && !opensAnswer
      : last.answer === null && (before.role === 'assistant' || before.role === 'template'));
    const continues = follows && before !== undefined && before.kind === segment.kind && (segment.kind === 'answer' ? before.call === segment.call : before.role === segment.role && (timeline.flags[segment.from]! & TOKEN.special) === 0);
    const size = segment.to - segment.from;
    const sampled = segment.kind === 'answer' ? size : 0;
    const trained = segment.why === null ? sampled : 0;
    if (joins) {
      last.to = segment.to;
      last.last = place;
      last.sampled += sampled;
      last.trained += trained;
      if (segment.kind === 'answer') {
        last.call ??= calls.get(segment.call);
        last.answer ??= place;
        last.role = 'assistant';
      }
    } else {
      blocks.push({
        from: segment.from, to: segment.to, first: place, last: place, role: segment.kind === 'answer' ? 'assistant' : segment.role,
        call: segment.kind === 'answer' ? calls.get(segment.call) : undefined, also: [], answer: segment.kind === 'answer' ? place : null,
        parent: parentOf(segment), branch: place > 0 && !follows, continues, sampled, trained,
      });
    }
    blockOf.push(blocks.length - 1);
  }
  for (const call of timeline.calls) {
    const block = call.answer === null ? undefined : blocks[blockOf[call.answer]!];
    if (block !== undefined && block.call?.index !== call.index) block.also.push(call);
  }
  return blocks;
}

/** The block that a segment is part of. */
export function blockAt(blocks: readonly Block[], segment: number): number {
  return blocks.findIndex(({ first, last }) => segment >= first && segment <= last);
}

/** Where to read a block from: what was sampled, where there is something. */
export const segmentOf = ({ answer, first }: Block): number => answer ?? first;
