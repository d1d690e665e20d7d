import { KEPT_TREES, ROOTS } from '../protocol/config.ts';
import type { ErrorInfo } from '../protocol/errors.ts';
import type { JsonObject } from '../protocol/json.ts';
import { didYouMean, nearest } from '../protocol/suggest.ts';
import { ConfigError } from './errors.ts';
import { Places } from './places.ts';
import { keysAt } from './schema.ts';
import type { YamlTree } from './yaml.ts';

/** The whole file as a mapping, and the one root of its configuration. */
export function takeRoot(tree: YamlTree): { whole: JsonObject; root: string; problems: ErrorInfo[] } {
  const { data, placeAt } = tree;
  const places = new Places(tree, '');
  if (data === undefined) throw new ConfigError(tree.problems);
  const start = 'Start with a line `tuning_fork:` and indent everything under it.';
  if (data === null || typeof data !== 'object' || Array.isArray(data)) {
    const what = data === null ? 'This configuration is empty.' : 'This isn’t a configuration: it is not a mapping of keys.';
    throw new ConfigError([...tree.problems, { code: 'config', message: what, next: start, where: placeAt(0) }]);
  }

  const roots = ROOTS.filter((name) => Object.hasOwn(data, name));
  const [root, second] = roots;
  const known: string[] = [...ROOTS, ...KEPT_TREES];
  const strangers = Object.keys(data).filter((key) => !known.includes(key));
  if (root === undefined) {
    const lost = strangers.find((key) => nearest(key, ROOTS) !== undefined);
    throw new ConfigError([...tree.problems, {
      code: 'config',
      message: 'The root `tuning_fork:` (or `ajet:`, `astuner:`) is missing.',
      next: lost === undefined ? start : `Did you mean \`${nearest(lost, ROOTS)}\` where it says \`${lost}\`?`,
      where: lost === undefined ? placeAt(0) : places.of(lost),
    }]);
  }

  const own = keysAt([]);
  const problems = strangers.map((key): ErrorInfo => ({
    code: 'config',
    message: `There is no key \`${key}\` beside \`${root}\`.`,
    next: own.includes(key) ? `Indent it, so that it stands in \`${root}\`.` : didYouMean(key, known),
    where: places.of(key),
  }));
  if (second !== undefined) {
    problems.push({ code: 'config', message: `There are ${roots.length} roots, ${roots.join(' and ')}; one is wanted.`, next: 'Keep the one you mean.', where: places.of(second) });
  }
  const body = data[root];
  if (body === null) {
    data[root] = {};
  } else if (typeof body !== 'object' || Array.isArray(body)) {
    throw new ConfigError([...tree.problems, ...problems, { code: 'config', message: `\`${root}\` must be a mapping of keys.`, next: start, where: places.of(root, 'value') }]);
  }
  return { whole: data, root, problems };
}
