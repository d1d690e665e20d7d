/** The OpenAI Agents SDK in Osmosis' contract (`tuning-fork/osmosis/openai-agents`). */
// oxlint-disable typescript/ban-ts-comment, typescript/prefer-ts-expect-error
/** @ts-ignore: any, where it is not installed */
import type { Agent, AgentOptions, MemorySession } from '@openai/agents';
import { RolloutContext } from './context.ts';
import { installedClass } from './framework.ts';
import type { OsmosisRolloutModel } from './rollout-model.ts';

export { OsmosisRolloutModel } from './rollout-model.ts';

const wanted = { framework: 'OsmosisAgent', specifier: '@openai/agents', majors: ['0'], install: 'npm install @openai/agents' };
const OpenAIAgent = installedClass({ ...wanted, exports: 'Agent' }) as typeof Agent;
const OpenAIMemorySession = installedClass({ ...wanted, exports: 'MemorySession' }) as typeof MemorySession;

export interface OsmosisAgentOptions extends Omit<AgentOptions, 'model'> {
  /** The name of its role. */
  name: string;
  model: OsmosisRolloutModel;
}

/** Made in `run()`: it calls the policy of the rollout under way. */
export class OsmosisAgent extends OpenAIAgent {
  constructor({ model, modelSettings = {}, ...options }: OsmosisAgentOptions) {
    const { temperature, top_p: topP, max_tokens: maxTokens } = model.params;
    super({
      ...options, model: RolloutContext.current().model(options.name).asOpenAIAgents(),
      modelSettings: { ...(temperature !== undefined && { temperature }), ...(topP !== undefined && { topP }), ...(maxTokens !== undefined && { maxTokens }), ...modelSettings },
    });
  }
}

/** Its conversation is a sample of the rollout. */
export class OsmosisMemorySession extends OpenAIMemorySession {
  constructor({ name }: { name: string }) {
    super();
    RolloutContext.current().registerSampleSource(name, () => (this as unknown as { getItems(): Promise<object[]> }).getItems());
  }
}
