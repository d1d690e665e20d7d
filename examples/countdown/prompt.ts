export const systemPrompt = 'Use each number once with +-*/ to reach the target. Compute pairs, go back from the target, answer \\boxed{expression}.';

export function userMessage(numbers: readonly number[], target: number): string {
  return `Numbers: ${numbers.join(' ')} Target: ${target}`;
}
