import * as z from 'zod';
import { configSchema, KEPT_TREES, RENAMED, ROOTS } from '../protocol/config.ts';
import type { JsonSchema } from '../protocol/json.ts';

type Node = JsonSchema & { properties?: Record<string, Node> };

/** The JSON Schema of the YAML, for editors: completion, help texts, and red lines under mistakes. */
export function toJsonSchema(): JsonSchema {
  const { $schema, ...body } = z.toJSONSchema(configSchema, { io: 'input', target: 'draft-7', override: ({ jsonSchema }) => allowVariables(jsonSchema as Node) }) as Node;
  for (const [old, now] of Object.entries(RENAMED)) addOldName(body as Node, old, now);
  const other = { description: 'Kept as it is written, for the program it is meant for.' };
  return {
    $schema,
    title: 'Tuning Fork',
    description: 'Configuration of a Tuning Fork project.',
    type: 'object',
    properties: {
      ...Object.fromEntries(ROOTS.map((root) => [root, { $ref: '#/definitions/config' }])),
      ...Object.fromEntries(KEPT_TREES.map((tree) => [tree, other])),
    },
    additionalProperties: false,
    oneOf: ROOTS.map((root) => ({ required: [root] })),
    definitions: { config: body },
  };
}

/** `${NAME}` may stand where a number, a truth value or one of a few words is wanted. */
function allowVariables(node: Node): void {
  const variable = { type: 'string', pattern: '\\$\\{.+\\}' };
  if (node.enum !== undefined && node.type === 'string') {
    const { enum: values, type, ...rest } = node;
    replace(node, { ...rest, anyOf: [{ type, enum: values }, variable] });
  } else if (node.type === 'number' || node.type === 'integer' || node.type === 'boolean') {
    node.type = [node.type, 'string'];
    node.pattern = variable.pattern;
  }
}

function replace(node: Node, by: JsonSchema): void {
  for (const key of Object.keys(node)) delete node[key];
  Object.assign(node, by);
}

function addOldName(body: Node, old: string, now: string): void {
  const keys = old.split('.');
  const name = keys.pop()!;
  const parent = keys.reduce<Node | undefined>((node, key) => node?.properties?.[key], body);
  const renamed = parent?.properties?.[now.slice(now.lastIndexOf('.') + 1)];
  if (parent?.properties === undefined || renamed === undefined) throw new Error(`No place for ${old}.`);
  parent.properties[name] = { ...renamed, deprecated: true, deprecationMessage: `Now called ${now}.`, description: `The old name of ${now}.` };
  if (Array.isArray(parent.required)) {
    const required = parent.required.filter((key) => `${keys.join('.')}.${String(key)}` !== now);
    if (required.length < parent.required.length) {
      parent.anyOf = [{ required: [now.slice(now.lastIndexOf('.') + 1)] }, { required: [name] }];
      if (required.length > 0) parent.required = required;
      else delete parent.required;
    }
  }
}
