/** The contract of Osmosis' rollout SDK (`tuning-fork/osmosis`): names in TypeScript's spelling. */
export { AgentWorkflowConfig, BaseConfig, ConcurrencyConfig, GraderConfig } from './config.ts';
export { GraderContext, RolloutContext, type AgentWorkflowContext, type RolloutSample, type SampleSource } from './context.ts';
export { AgentWorkflow, Grader, type AgentWorkflowOutput } from './workflow.ts';
export { entrypointOf, type Entrypoint, type ValidationError } from './entrypoint.ts';
