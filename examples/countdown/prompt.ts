export const systemPrompt = 'Use each number once with +-*/ to reach the target. Try, then answer \\boxed{expression}.';

export function userMessage(numbers: readonly number[], target: number): string {
  return `Numbers: ${numbers.join(' ')} Target: ${target}`;
}
