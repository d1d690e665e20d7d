import type { ErrorInfo } from './errors.ts';

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

/** Models of a VS Code window, `vscode:<family or id>`: where it lends them stands in the environment of the runs it starts. */
export const VSCODE_MODELS = { urlEnv: 'TUNING_FORK_VSCODE_URL', keyEnv: 'TUNING_FORK_VSCODE_KEY' } as const;

/** A name that says its value is a secret: only such values are kept out of traces and logs. */
export function isSecretName(name: string): boolean {
  return /^[A-Za-z_][A-Za-z0-9_]*$/.test(name) && /KEY|TOKEN|SECRET|PASSWORD|CREDENTIAL/i.test(name);
}

/** The environment variable whose absence, or wrong value, an error is about; undefined for any other error. */
export function missingKey({ code, message, next = '' }: ErrorInfo): string | undefined {
  if (code !== 'provider' && code !== 'config' && code !== 'policy') return undefined;
  const name = /\b(\w+) is not set\b/.exec(message)?.[1] ?? /has no variable (\w+)/.exec(message)?.[1] ?? /^Set (\w+) to a valid key/.exec(next)?.[1];
  return name !== undefined && isSecretName(name) ? name : undefined;
}
