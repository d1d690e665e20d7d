/** Strands Agents in Osmosis' contract (`tuning-fork/osmosis/strands`). */
// oxlint-disable typescript/ban-ts-comment, typescript/prefer-ts-expect-error
/** @ts-ignore: any, where it is not installed */
import type { Agent, AgentConfig, AgentResult } from '@strands-agents/sdk';
import { RolloutContext } from './context.ts';
import { installedClass } from './framework.ts';
import type { OsmosisRolloutModel } from './rollout-model.ts';

export { OsmosisRolloutModel } from './rollout-model.ts';

const StrandsAgent = installedClass({ framework: 'OsmosisStrandsAgent', specifier: '@strands-agents/sdk', majors: ['1'], install: 'npm install @strands-agents/sdk openai @modelcontextprotocol/sdk', exports: 'Agent' }) as typeof Agent;

export interface OsmosisStrandsAgentOptions extends Omit<AgentConfig, 'model' | 'messages' | 'printer'> {
  /** The name of its sample, and of its role. */
  name: string;
  model: OsmosisRolloutModel;
  /** `ctx.prompt`, or messages of Strands. */
  messages?: readonly { role: string; content: unknown }[];
  /** Nothing is printed either way. */
  callbackHandler?: null;
}

/** What is inherited, said once more for a project that has no Strands to tell it. */
interface Conversation {
  messages: { toJSON?(): object }[];
  invoke(messages: object[]): Promise<AgentResult>;
}

/** Made in `run()`: it belongs to the rollout under way, and its conversation is a sample. */
export class OsmosisStrandsAgent extends StrandsAgent {
  #unsaid: { role: 'user' | 'assistant'; content: object[] }[];

  constructor({ model, messages = [], callbackHandler: _nothing, systemPrompt, ...config }: OsmosisStrandsAgentOptions) {
    const context = RolloutContext.current();
    const policy = context.model(config.name).asStrands();
    const { temperature, top_p: topP, max_tokens: maxTokens } = model.params;
    policy.updateConfig({ ...(temperature !== undefined && { temperature }), ...(topP !== undefined && { topP }), ...(maxTokens !== undefined && { maxTokens }) });
    const system = messages.filter(({ role }) => role === 'system').map(({ content }) => String(content)).join('\n\n');
    const prompt = systemPrompt ?? (system === '' ? undefined : system);
    super({ ...config, model: policy, printer: false, ...(prompt !== undefined && { systemPrompt: prompt }) });
    this.#unsaid = messages.filter(({ role }) => role !== 'system').map(({ role, content }) => ({ role: role as 'user' | 'assistant', content: Array.isArray(content) ? content as object[] : [{ text: String(content) }] }));
    context.registerSampleSource(config.name, () => [...(system === '' ? [] : [{ role: 'system', content: system }]), ...(this as unknown as Conversation).messages.map((message) => message.toJSON?.() ?? message)]);
  }

  /** Goes on from its messages, or with what is said now. */
  invokeAsync(said?: string): Promise<AgentResult> {
    const messages = said === undefined ? this.#unsaid : [...this.#unsaid, { role: 'user' as const, content: [{ text: said }] }];
    this.#unsaid = [];
    return (this as unknown as Conversation).invoke(messages);
  }
}
