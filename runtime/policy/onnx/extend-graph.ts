import { ElementType, input, integers, Model, node, output } from './onnx-format.ts';
import { concat, message, type Field } from './protobuf.ts';

/**
 * A decoder gives back its whole cache at every step, and onnxruntime-node copies every output. What we want of a step is only the
 * new keys and values and the last position's logits, so a few nodes that cut these out are put behind the model's own graph. In
 * protobuf, appending a second `graph` field to a file merges it into the first: the model is extended without being parsed.
 */
export const NEW_SLOTS = 'tuning_fork.new_slots';
export const NEW_KEY_VALUES = 'tuning_fork.new_key_values';
export const LAST_LOGITS = 'tuning_fork.last_logits';

/** The model with our nodes behind it. `presents` are its cache outputs, in the order in which they come out of NEW_KEY_VALUES. */
export function extendModel(model: Uint8Array, presents: readonly string[]): Uint8Array {
  const cut = presents.map((_, index) => `tuning_fork.new.${index}`);
  return concat([model, message(Model.graph,
    ...presents.map((present, index) => node('GatherND', [present, NEW_SLOTS], [cut[index]!], { integers: { batch_dims: 1 } })),
    node('Concat', cut, [NEW_KEY_VALUES], { integers: { axis: 0 } }),
    ...lastLogits(),
    input(NEW_SLOTS, ElementType.int64),
    output(NEW_KEY_VALUES),
    output(LAST_LOGITS))]);
}

export function lastLogits(): Field[] {
  return [
    integers('tuning_fork.last', [-1], []),
    node('Gather', ['logits', 'tuning_fork.last'], ['tuning_fork.last_row'], { integers: { axis: 1 } }),
    node('Cast', ['tuning_fork.last_row'], [LAST_LOGITS], { integers: { to: ElementType.float32 } }),
  ];
}
