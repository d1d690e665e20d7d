import { concat, integer, message, text, type Field } from './protobuf.ts';

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
    ...presents.map((present, index) => node('GatherND', [present, NEW_SLOTS], cut[index]!, attribute('batch_dims', 1))),
    node('Concat', cut, NEW_KEY_VALUES, attribute('axis', 0)),
    node('Gather', ['logits', 'tuning_fork.last'], 'tuning_fork.last_row', attribute('axis', 1)),
    node('Cast', ['tuning_fork.last_row'], LAST_LOGITS, attribute('to', ElementType.float32)),
    message(Graph.initializer, integer(Tensor.type, ElementType.int64), text(Tensor.name, 'tuning_fork.last'), lastIndex),
    input(NEW_SLOTS, ElementType.int64),
    output(NEW_KEY_VALUES),
    output(LAST_LOGITS))]);
}

// Field numbers of onnx.proto3.
const Model = { graph: 7 };
const Graph = { node: 1, initializer: 5, input: 11, output: 12 };
const Node = { input: 1, output: 2, name: 3, type: 4, attribute: 5 };
const Attribute = { name: 1, integer: 3, type: 20, typeInteger: 2 };
const Tensor = { type: 2, name: 8, raw: 9 };
const Value = { name: 1, type: 2 };
const ElementType = { float32: 1, int64: 7 };

const lastIndex = message(Tensor.raw, new Uint8Array(8).fill(0xff));  // the scalar -1

function node(type: string, inputs: readonly string[], output: string, ...attributes: Field[]): Field {
  return message(Graph.node, ...inputs.map((input) => text(Node.input, input)), text(Node.output, output),
    text(Node.name, `${output}/${type}`), text(Node.type, type), ...attributes);
}

function attribute(name: string, value: number): Field {
  return message(Node.attribute, text(Attribute.name, name), integer(Attribute.integer, value), integer(Attribute.type, Attribute.typeInteger));
}

function input(name: string, elementType: number): Field {
  return message(Graph.input, text(Value.name, name), message(Value.type, message(1, integer(1, elementType))));
}

/** The runtime infers the type. */
function output(name: string): Field {
  return message(Graph.output, text(Value.name, name));
}

