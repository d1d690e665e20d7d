import { TuningForkError } from '../protocol/errors.ts';

/** Somebody's OpenAI-compatible server. */
export interface Provider {
  baseURL: string;
  /** The environment variable that holds its key; absent where none is needed. */
  apiKeyEnv?: string;
  /** Loopback servers have one; `owner` is what their model list says of itself. */
  local?: { owner?: string };
}

export const providers: Readonly<Record<string, Provider>> = {
  openai: { baseURL: 'https://api.openai.com/v1', apiKeyEnv: 'OPENAI_API_KEY' },
  dashscope: { baseURL: 'https://dashscope.aliyuncs.com/compatible-mode/v1', apiKeyEnv: 'DASHSCOPE_API_KEY' },
  deepseek: { baseURL: 'https://api.deepseek.com/v1', apiKeyEnv: 'DEEPSEEK_API_KEY' },
  openrouter: { baseURL: 'https://openrouter.ai/api/v1', apiKeyEnv: 'OPENROUTER_API_KEY' },
  groq: { baseURL: 'https://api.groq.com/openai/v1', apiKeyEnv: 'GROQ_API_KEY' },
  mistral: { baseURL: 'https://api.mistral.ai/v1', apiKeyEnv: 'MISTRAL_API_KEY' },
  gemini: { baseURL: 'https://generativelanguage.googleapis.com/v1beta/openai', apiKeyEnv: 'GEMINI_API_KEY' },
  xai: { baseURL: 'https://api.x.ai/v1', apiKeyEnv: 'XAI_API_KEY' },
  together: { baseURL: 'https://api.together.xyz/v1', apiKeyEnv: 'TOGETHER_API_KEY' },
  fireworks: { baseURL: 'https://api.fireworks.ai/inference/v1', apiKeyEnv: 'FIREWORKS_API_KEY' },
  moonshot: { baseURL: 'https://api.moonshot.cn/v1', apiKeyEnv: 'MOONSHOT_API_KEY' },
  siliconflow: { baseURL: 'https://api.siliconflow.cn/v1', apiKeyEnv: 'SILICONFLOW_API_KEY' },
  ollama: { baseURL: 'http://127.0.0.1:11434/v1', local: {} },
  lmstudio: { baseURL: 'http://127.0.0.1:1234/v1', local: {} },
  vllm: { baseURL: 'http://127.0.0.1:8000/v1', local: { owner: 'vllm' } },
  llamacpp: { baseURL: 'http://127.0.0.1:8080/v1', local: { owner: 'llamacpp' } },
};

export interface ProviderModel {
  provider: string;
  model: string;
  baseURL: string;
  apiKey: string;
  apiKeyEnv: string;
}

type Environment = Readonly<Record<string, string | undefined>>;

/** `provider:model`; undefined where the name isn't of that form. `OPENAI_BASE_URL` and the like move a provider. */
export function resolveProviderModel(name: string, environment: Environment): ProviderModel | undefined {
  const parts = /^([\w-]+):(.+)$/.exec(name);
  if (!parts) return undefined;
  const [, provider, model] = parts as unknown as [string, string, string];
  const known = Object.hasOwn(providers, provider) ? providers[provider] : undefined;
  if (!known) {
    throw new TuningForkError('provider', `There is no provider "${provider}".`, {
      next: `Known are ${Object.keys(providers).join(', ')}; for any other server give its base URL, key and model.`,
    });
  }
  const variable = provider.toUpperCase();
  const apiKeyEnv = known.apiKeyEnv ?? `${variable}_API_KEY`;
  const apiKey = environment[apiKeyEnv] ?? '';
  if (apiKey === '' && !known.local) {
    throw new TuningForkError('provider', `${provider} needs a key, and ${apiKeyEnv} is not set.`, { next: `Set ${apiKeyEnv} in the environment.` });
  }
  return { provider, model, apiKey, apiKeyEnv, baseURL: environment[`${variable}_BASE_URL`] ?? known.baseURL };
}

/** Whether an address is one of the known services, whose abilities are known. */
export function isCloud(baseURL: string): boolean {
  return Object.values(providers).some((provider) => !provider.local && baseURL.startsWith(provider.baseURL));
}

export interface LocalServer {
  provider: string;
  baseURL: string;
  models: string[];
}

/** The model servers that answer on this machine. */
export async function detectLocalServers(known: Readonly<Record<string, Provider>> = providers, timeoutMs = 500): Promise<LocalServer[]> {
  const local = Object.entries(known).filter(([, { local }]) => local !== undefined);
  const found = await Promise.all(local.map(async ([provider, { baseURL, local }]): Promise<LocalServer | undefined> => {
    const models = await listModels(baseURL, { timeoutMs });
    if (!models || (local?.owner !== undefined && models.some((model) => model.owner !== local.owner))) return undefined;
    return { provider, baseURL, models: models.map((model) => model.id) };
  }));
  return found.filter((server) => server !== undefined);
}

/** What a server says it serves; undefined where there is none, or none that speaks this API. */
export async function listModels(baseURL: string, { apiKey = '', timeoutMs = 2_000 } = {}): Promise<{ id: string; owner: string }[] | undefined> {
  try {
    const response = await fetch(`${baseURL.replace(/\/+$/, '')}/models`, {
      headers: apiKey === '' ? {} : { authorization: `Bearer ${apiKey}` },
      signal: AbortSignal.timeout(timeoutMs),
    });
    const body: unknown = response.ok ? await response.json() : undefined;
    if (typeof body !== 'object' || body === null || !('data' in body) || !Array.isArray(body.data)) return undefined;
    return body.data.map((model: { id?: unknown; owned_by?: unknown }) => ({ id: String(model.id), owner: String(model.owned_by) }));
  } catch {
    return undefined;
  }
}
