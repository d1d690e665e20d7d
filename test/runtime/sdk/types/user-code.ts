/** What users write, in the strictest TypeScript and without a cast. Never run: it has to compile, and its mistakes have not to. */
import {
  InMemoryMemory, Judge, Msg, ReActAgent, runCode, tool, Toolkit, Workflow, WorkflowOutput, z,
  type ChatModel, type Environment, type JsonObject, type ModelTuner, type OutputData, type Task, type Verdict, type WorkflowTask,
} from 'tuning-fork';

const FinalResult = z.object({ result: z.string() });
type FinalResult = z.infer<typeof FinalResult>;

// The seeds' math agent.
export class ExampleMathLearn extends Workflow {
  name = 'math_agent_workflow';

  async execute(task: WorkflowTask, tuner: ModelTuner): Promise<WorkflowOutput> {
    const toolkit = new Toolkit();
    toolkit.register(runCode());
    const agent = new ReActAgent({ name: 'math_react_agent', sysPrompt: 'Solve.', model: tuner, toolkit, memory: new InMemoryMemory() });
    const message = new Msg('user', task.task.mainQuery, 'user');
    const result = await agent.reply(message, { structuredModel: FinalResult });
    const finalAnswer: string | undefined = result.metadata?.result;
    return new WorkflowOutput({ reward: null, metadata: { finalAnswer, all: result.metadata } });
  }
}

// The seeds' werewolves: roles, some of them trained.
export class Werewolves extends Workflow {
  name = 'werewolves';
  override trainableTargets = ['werewolf'];

  override async execute(task: WorkflowTask, tuner: ModelTuner): Promise<WorkflowOutput> {
    const players = ['werewolf', 'villager', 'seer'].map((role, index) => {
      const model: ChatModel = tuner.registerModel(role, { defaultModel: role === 'werewolf' ? 'openai:qwen-plus' : 'openai:qwen-max' });
      return new ReActAgent({ name: `Player${index + 1}`, sysPrompt: 'Play.', model });
    });
    tuner.registerModel('narrator', { defaultModel: { baseURL: 'http://127.0.0.1:8000/v1', apiKey: 'none', model: 'm' } });
    tuner.registerModel('moderator', { defaultModel: { call: async (messages, { signal }) => `${messages.length}${String(signal?.aborted)}` } });
    tuner.registerModel('echo', { defaultModel: (messages) => messages.at(-1)?.content ?? '' });
    for (const player of players) await player.observe(task.task.mainQuery);
    const completion = await tuner.getModel('narrator').asOpenAI().chat.completions.create({
      model: 'any', messages: [{ role: 'user', content: 'Once' }], stream: false,
    });
    return new WorkflowOutput({ reward: completion.choices.length, isSuccess: true, logMetrics: { players: players.length } });
  }
}

/** Frameworks are not installed here: what makes their models compiles all the same. */
export function modelsOfFrameworks(tuner: ModelTuner): unknown[] {
  const role: ChatModel = tuner.getModel('solver');
  const mastra: { id: string; url: string } = tuner.asMastra();
  return [tuner.asOpenAIAgents(), role.asAISDK(), tuner.asStrands(), role.asLangChain(), mastra, tuner.fetch];
}

interface Opinion { text: string; score: number }

export class OwnLoop extends Workflow {
  name = 'own_loop';

  async execute({ task, signal, gymEnv }: WorkflowTask, tuner: ModelTuner): Promise<WorkflowOutput> {
    const { size } = z.object({ size: z.number() }).parse(task.metadata);
    const most: number = tuner.config.rollout.multi_turn.max_steps;
    const reply = await tuner.call([...task.initMessages, { role: 'user', content: String(size) }], { maxTokens: most, signal });
    const { baseURL, apiKey, model } = tuner;
    const opinion: Opinion = { text: reply.text, score: reply.usage.completion };
    const first: string | undefined = reply.toolCalls[0]?.function.name;
    const observation = await gymEnv?.reset(task);
    return new WorkflowOutput({ metadata: { opinion, baseURL, apiKey, model, first, observation } });
  }
}

class Game implements Environment<string, 'left' | 'right'> {
  #at = 0;
  reset(task: Omit<Task, 'label'>): string {
    this.#at = Number(task.metadata['start']);
    return String(this.#at);
  }
  step(action: 'left' | 'right'): { observation: string; reward: number; done: boolean } {
    this.#at += action === 'left' ? -1 : 1;
    return { observation: String(this.#at), reward: 0, done: this.#at > 3 };
  }
  evaluate(): Verdict {
    return { reward: this.#at, success: this.#at > 3 };
  }
}

export class GameJudge extends Judge {
  judge(task: Task, output: OutputData): Verdict {
    return { reward: task.label === output.metadata['finalAnswer'] ? 1 : 0, success: null };
  }
}

export const tools = new Toolkit([
  tool({
    name: 'search', description: 'Searches.', parameters: z.object({ query: z.string(), limit: z.int().optional() }),
    run: async ({ query, limit }, { signal }) => {
      const text: string = query;
      const most: number | undefined = limit;
      return { text, most, over: signal.aborted };
    },
  }),
  tool({
    name: 'calculator', description: 'Computes.', parameters: { type: 'object', properties: { expression: { type: 'string' } } },
    run: (args) => {
      const typed: JsonObject = args;
      return String(typed['expression']);
    },
  }),
  tool({ name: 'now', description: 'Tells the time.', run: () => Date.now() }),
]);

export const output = new WorkflowOutput({ environment: new Game() });

// --- mistakes ---

// @ts-expect-error: execute is missing
export class NoExecute extends Workflow { name = 'x'; }

export class WrongReturn extends Workflow {
  name = 'x';
  // @ts-expect-error: a workflow returns a WorkflowOutput
  async execute(): Promise<number> {
    return 1;
  }
}

export class WrongTargets extends Workflow {
  name = 'x';
  // @ts-expect-error: a list of roles
  override trainableTargets = 'solver';
  async execute(task: WorkflowTask): Promise<WorkflowOutput> {
    // @ts-expect-error: the label never reaches a workflow
    return new WorkflowOutput({ metadata: { label: task.task.label } });
  }
}

// @ts-expect-error: a reward is one number
export const wrongReward = new WorkflowOutput({ reward: '1' });

// @ts-expect-error: the schema says that query is a string
tool({ name: 'x', description: '', parameters: z.object({ query: z.string() }), run: ({ query }) => query.toFixed() });

// @ts-expect-error: a tool has a description
tool({ name: 'x', run: () => '' });

export async function wrongResult(agent: ReActAgent, tuner: ModelTuner): Promise<unknown[]> {
  const reply = await agent.reply('hi', { structuredModel: FinalResult });
  // @ts-expect-error: an answer may not fit the schema
  const maybe = reply.metadata.result;
  // @ts-expect-error: nothing was asked for
  const never = (await agent.reply('hi')).metadata?.result;
  // @ts-expect-error: a role is registered with a default model
  tuner.registerModel('solver');
  // @ts-expect-error: the sampling is a number
  await tuner.call([], { temperature: 'hot' });
  return [maybe, never];
}
