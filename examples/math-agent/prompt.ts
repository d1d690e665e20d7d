export const systemPrompt = 'Solve the problem with the calculator. Answer \\boxed{number}.';

/** The user message is the problem as it stands in the data. */
export function userMessage(problem: string): string {
  return problem;
}

/** The tool as the model is told of it; `calculator.ts` does the work. */
export const calculatorTool = {
  name: 'calculator',
  description: 'Computes an expression.',
  parameters: {
    type: 'object',
    properties: { expression: { type: 'string' } },
    required: ['expression'],
  },
} as const;
