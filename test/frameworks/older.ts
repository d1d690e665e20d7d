/** Older majors that are supported too: each a folder with what it has installed, and an agent. */
export const OLDER: readonly { name: string; file: URL }[] = ['ai-5', 'ai-6', 'langchain-0', 'openai-agents-0.3'].map((name) => ({ name, file: new URL(`./older/${name}/chat.mjs`, import.meta.url) }));
