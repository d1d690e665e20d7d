import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { test } from 'node:test';
import { fileURLToPath } from 'node:url';
import { openOnnxPolicy } from '../../../../runtime/policy/onnx/policy.ts';

const directory = new URL('../../../../runtime/policy/embedded/', import.meta.url);

test('the exported graph computes what the weights beside it say, by a decoder written out in float64', async () => {
  const policy = await openOnnxPolicy(fileURLToPath(directory));
  const prompt = policy.tokenizer.encode(policy.format.render([{ role: 'system', content: 'Solve it.' }, { role: 'user', content: 'What is 12 + 30?' }], undefined, true));
  const { ids, top } = await policy.sample({
    prompt, key: 1n, top: 20, stopIds: new Set(), sampling: { temperature: 1, topP: 1, topK: 0, maxTokens: 8 },
  });
  await policy.close();
  const reference = logprobs([...prompt, ...ids]);
  ids.forEach((_, at) => {
    const row = reference[prompt.length + at - 1]!;
    for (let rank = at * 20; rank < at * 20 + 20; rank++) assert.ok(Math.abs(row[top!.ids[rank]!]! - top!.logprobs[rank]!) < 1e-4, `token ${at}, id ${top!.ids[rank]}`);
  });
});

type Row = number[];

/** Qwen2 in a page: for each position the log-probabilities of what follows. */
function logprobs(ids: readonly number[]): Row[] {
  const config = JSON.parse(readFileSync(new URL('config.json', directory), 'utf8')) as Record<string, number>;
  const [layers, heads, kvHeads, hidden, epsilon, theta] = ['num_hidden_layers', 'num_attention_heads', 'num_key_value_heads', 'hidden_size', 'rms_norm_eps', 'rope_theta']
    .map((key) => config[key]!) as [number, number, number, number, number, number];
  const width = hidden / heads;
  const weights = readSafetensors(readFileSync(new URL('model.safetensors', directory)));
  const weight = (name: string): { shape: number[]; data: Float32Array } => weights.get(name) ?? assert.fail(`no weight ${name}`);
  const linear = (x: Row, name: string): Row => {
    const { shape: [rows, columns], data } = weight(`${name}.weight`) as { shape: [number, number]; data: Float32Array };
    const bias = weights.get(`${name}.bias`);
    return Array.from({ length: rows }, (_, row) => x.reduce((sum, value, column) => sum + value * data[row * columns + column]!, bias?.data[row] ?? 0));
  };
  const norm = (x: Row, name: string): Row => {
    const scale = 1 / Math.sqrt(x.reduce((sum, value) => sum + value * value, 0) / x.length + epsilon);
    return x.map((value, at) => value * scale * weight(`${name}.weight`).data[at]!);
  };
  const rotate = (x: Row, position: number): Row => x.map((value, at) => {
    const pair = at % width, half = width / 2;
    const angle = position / theta ** ((pair % half) / half);
    return value * Math.cos(angle) + (pair < half ? -x[at + half]! : x[at - half]!) * Math.sin(angle);
  });

  const embedding = weight('model.embed_tokens.weight').data;
  const states = ids.map((id) => [...embedding.subarray(id * hidden, (id + 1) * hidden)]);
  for (let layer = 0; layer < layers; layer++) {
    const at = `model.layers.${layer}`;
    const normed = states.map((state) => norm(state, `${at}.input_layernorm`));
    const [q, k, v] = ['q', 'k', 'v'].map((part) => normed.map((x, position) => {
      const projected = linear(x, `${at}.self_attn.${part}_proj`);
      return part === 'v' ? projected : rotate(projected, position);
    })) as [Row[], Row[], Row[]];
    states.forEach((state, position) => {
      const mixed = Array.from({ length: heads }, (_, head) => {
        const slice = (row: Row, which: number): Row => row.slice(which * width, (which + 1) * width);
        const group = Math.floor(head / (heads / kvHeads));
        const shares = softmax(k.slice(0, position + 1).map((key) => dot(slice(q[position]!, head), slice(key, group)) / Math.sqrt(width)));
        return Array.from({ length: width }, (_, column) => shares.reduce((sum, share, from) => sum + share * v[from]![group * width + column]!, 0));
      }).flat();
      const attended = linear(mixed, `${at}.self_attn.o_proj`);
      state.forEach((_, column) => { state[column]! += attended[column]!; });
      const inner = norm(state, `${at}.post_attention_layernorm`);
      const gate = linear(inner, `${at}.mlp.gate_proj`), up = linear(inner, `${at}.mlp.up_proj`);
      const down = linear(gate.map((value, column) => value / (1 + Math.exp(-value)) * up[column]!), `${at}.mlp.down_proj`);
      state.forEach((_, column) => { state[column]! += down[column]!; });
    });
  }
  return states.map((state) => {
    const x = norm(state, 'model.norm');
    const logits = Array.from({ length: embedding.length / hidden }, (_, id) => x.reduce((sum, value, column) => sum + value * embedding[id * hidden + column]!, 0));
    return softmax(logits).map(Math.log);
  });
}

function dot(a: Row, b: Row): number {
  return a.reduce((sum, value, at) => sum + value * b[at]!, 0);
}

function softmax(x: Row): Row {
  const largest = Math.max(...x);
  const weights = x.map((value) => Math.exp(value - largest));
  const sum = weights.reduce((total, value) => total + value);
  return weights.map((value) => value / sum);
}

function readSafetensors(file: Buffer): Map<string, { shape: number[]; data: Float32Array }> {
  const length = Number(file.readBigUInt64LE(0));
  const header = JSON.parse(file.subarray(8, 8 + length).toString()) as Record<string, { dtype: string; shape: number[]; data_offsets: [number, number] }>;
  return new Map(Object.entries(header).filter(([name]) => name !== '__metadata__').map(([name, { shape, data_offsets: [from, to] }]) => (
    [name, { shape, data: new Float32Array(Uint8Array.from(file.subarray(8 + length + from, 8 + length + to)).buffer) }])));
}
