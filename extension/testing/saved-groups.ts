/** Saved rollouts that can go into one run: of one configuration, and of one of the functions that are tuned with it. No editor here. */
import type { RolloutTest } from '../../runtime/trace/index.ts';
import type { FoundConfig, Given } from '../discovery/discovery.ts';
import { givenIn } from '../discovery/given.ts';

export interface SavedGroup<T> {
  conf: string;
  /** Of the function that each was saved from. */
  given: Given | undefined;
  tests: T[];
}

export function groupsOf<T extends { test: RolloutTest }>(saved: readonly T[], configs: readonly FoundConfig[]): SavedGroup<T>[] {
  const groups = new Map<string, SavedGroup<T>>();
  for (const one of saved) {
    const { conf } = one.test;
    const given = givenOf(one.test, configs);
    const key = JSON.stringify([conf, given?.workflow]);
    const group = groups.get(key) ?? { conf, given, tests: [] };
    groups.set(key, group);
    group.tests.push(one);
  }
  return [...groups.values()];
}

export function givenOf({ conf, record: { workflow } }: Pick<RolloutTest, 'conf' | 'record'>, configs: readonly FoundConfig[]): Given | undefined {
  return givenIn(configs, { conf, workflow });
}
