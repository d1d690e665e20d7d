/** Names in a configuration, for those who need no more of it: the schema takes a while to load. */

export const BUILTIN_JUDGES = ['math_answer', 'countdown', 'exact_match', 'number_match', 'environment', 'env_service'] as const;

/** The configuration stands under exactly one of these. */
export const ROOTS = ['tuning_fork', 'ajet', 'astuner'] as const;

/** Trees for other programs, kept as they are written. */
export const KEPT_TREES = ['trinity', 'verl', 'hydra', 'defaults'] as const;

/** Names that earlier versions of AgentJet used, and what they are called now. */
export const RENAMED: Readonly<Record<string, string>> = {
  'rollout.agentscope_workflow': 'rollout.user_workflow',
  'rollout.agentscope_disable_toolcalls': 'rollout.force_disable_toolcalls',
};
