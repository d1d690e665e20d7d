/** The policy, as an agent of either framework names it. It may be made anywhere: which rollout is meant is known when an agent gets it. */
export interface RolloutModelOptions {
  /** For whoever is not trained: the sampling of the policy in training is the configuration's. */
  params?: { temperature?: number; top_p?: number; max_tokens?: number };
}

export class OsmosisRolloutModel {
  readonly params: NonNullable<RolloutModelOptions['params']>;

  constructor({ params = {} }: RolloutModelOptions = {}) {
    this.params = params;
  }
}
