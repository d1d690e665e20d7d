export function codeCache(): string | undefined;
export function keepCompiledCode(): void;
