import { float, integer, message, text, type Field } from './protobuf.ts';

/** Field numbers of onnx.proto3, and how the few messages we write are put together. */
export const Model = { graph: 7 } as const;
export const Graph = { node: 1, initializer: 5, input: 11, output: 12 } as const;
export const Node = { input: 1, output: 2, name: 3, type: 4, attribute: 5, domain: 7 } as const;
export const Attribute = { name: 1, float: 2, integer: 3, type: 20 } as const;
const Tensor = { dimension: 1, type: 2, name: 8, raw: 9 } as const;
const Value = { name: 1, type: 2 } as const;
export const ElementType = { float32: 1, int64: 7 } as const;

export interface NodeOptions {
  domain?: string;
  integers?: Record<string, number>;
  floats?: Record<string, number>;
}

export function node(type: string, inputs: readonly string[], outputs: readonly string[], { domain = '', integers = {}, floats = {} }: NodeOptions = {}): Field {
  return message(Graph.node, ...inputs.map((name) => text(Node.input, name)), ...outputs.map((name) => text(Node.output, name)),
    text(Node.name, `${outputs[0]}/${type}`), text(Node.type, type),
    ...Object.entries(integers).map(([name, value]) => message(Node.attribute, text(Attribute.name, name), integer(Attribute.integer, value), integer(Attribute.type, 2))),
    ...Object.entries(floats).map(([name, value]) => message(Node.attribute, text(Attribute.name, name), float(Attribute.float, value), integer(Attribute.type, 1))),
    text(Node.domain, domain));
}

/** A constant of whole numbers; without a shape it is one number. */
export function integers(name: string, values: readonly number[], shape: readonly number[] = [values.length]): Field {
  return message(Graph.initializer, ...shape.map((size) => integer(Tensor.dimension, size)), integer(Tensor.type, ElementType.int64), text(Tensor.name, name),
    message(Tensor.raw, new Uint8Array(BigInt64Array.from(values.map(BigInt)).buffer)));
}

export function input(name: string, elementType: number): Field {
  return message(Graph.input, text(Value.name, name), message(Value.type, message(1, integer(1, elementType))));
}

/** The runtime infers the type. */
export function output(name: string): Field {
  return message(Graph.output, text(Value.name, name));
}
