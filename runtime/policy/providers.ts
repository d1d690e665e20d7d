import { TuningForkError } from '../protocol/errors.ts';
import { providers, VSCODE_MODELS, type Provider } from '../protocol/providers.ts';

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
  if (provider === 'vscode') return lentModel(model, environment);
  const known = Object.hasOwn(providers, provider) ? providers[provider] : undefined;
  if (!known) {
    throw new TuningForkError('provider', `There is no provider "${provider}".`, {
      next: `Known are ${[...Object.keys(providers), 'vscode'].join(', ')}; for any other server give its base URL, key and model.`,
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

/** A model behind somebody's server, of which there are no weights here. `modelscope:` is a hub, not a server. */
export function isProviderModel(name: string): boolean {
  const provider = /^([\w-]+):/.exec(name)?.[1];
  return provider !== undefined && (provider === 'vscode' || Object.hasOwn(providers, provider));
}

/** A model of the VS Code window that the run was started from: a server there lends it. */
function lentModel(model: string, environment: Environment): ProviderModel {
  const { urlEnv, keyEnv } = VSCODE_MODELS;
  const [baseURL, apiKey] = [environment[urlEnv], environment[keyEnv]];
  if (baseURL !== undefined && apiKey !== undefined) return { provider: 'vscode', model, baseURL, apiKey, apiKeyEnv: keyEnv };
  throw new TuningForkError('provider', `vscode:${model} is a model of a VS Code window, and none lent it.`, { next: 'Start the run from VS Code, or choose another model.' });
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
