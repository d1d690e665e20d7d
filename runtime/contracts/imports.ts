/** Names from `tuning-fork`, imported where a fix needs them. */
import type * as t from '@babel/types';
import type { SourceModule } from './module.ts';
import { insert, type Edit } from './problem.ts';

/** What is not in the package's own entry. */
const ELSEWHERE: Readonly<Record<string, string>> = { AgentWorkflowContext: 'tuning-fork/osmosis', GraderContext: 'tuning-fork/osmosis' };

/** The name by which `wanted` can be written in this file, and the edits that make it so. */
export function nameFor(module: SourceModule, wanted: string, isType = true): { name: string; edits: Edit[] } {
  for (const [local, imported] of module.imported) if (imported === wanted) return { name: local, edits: [] };
  for (const [local, imported] of module.imported) if (imported === '*') return { name: `${local}.${wanted}`, edits: [] };
  const from = ELSEWHERE[wanted] ?? 'tuning-fork';
  const statement = module.program.body.find((one): one is t.ImportDeclaration => one.type === 'ImportDeclaration' && one.source.value === from);
  const last = statement?.specifiers.findLast((one) => one.type === 'ImportSpecifier');
  const word = isType && statement?.importKind !== 'type' ? `type ${wanted}` : wanted;
  return { name: wanted, edits: last ? [insert(last.end!, `, ${word}`)] : [insert(0, `import { ${word} } from '${from}';\n`)] };
}
