/** As much as is needed of a Strands model: what it streams. */
interface StreamingModel {
  stream(...args: unknown[]): AsyncIterable<ModelEvent>;
}

interface ModelEvent {
  type: string;
}

const START = 'modelContentBlockStartEvent';
const STOP = 'modelContentBlockStopEvent';

/**
 * Strands' chat adapter (seen in 1.16 and 1.19) begins a tool call without ending the block before it, and so loses the text before a tool
 * call and every parallel tool call but the last. Here each block is ended before the next begins, and only once.
 */
export function endingBlocks<Class extends new (...args: never[]) => object>(OpenAIModel: Class): Class {
  const Streaming = OpenAIModel as unknown as new (...args: unknown[]) => StreamingModel;
  return class TunedOpenAIModel extends Streaming {
    override async *stream(...args: unknown[]): AsyncIterable<ModelEvent> {
      let open = false;
      for await (const event of super.stream(...args)) {
        if (event.type === START) {
          if (open) yield { type: STOP };
          open = true;
        } else if (event.type === STOP) {
          if (!open) continue;
          open = false;
        }
        yield event;
      }
    }
  } as unknown as Class;
}
