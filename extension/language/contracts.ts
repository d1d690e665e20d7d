/** What a workflow or a judge must be, checked as it is written: everything here would else be told by a rollout that fails. */
import { indentAt, insert, type L10n, type Problem } from '../../runtime/contracts/problem.ts';
import { methodProblems, nameSpan } from './method-contract.ts';
import { callableOf, inheritedMember, readModule, type OwnClass, type SourceModule } from '../../runtime/contracts/module.ts';
import { tunedProblems } from '../../runtime/contracts/tuned.ts';
import { outputRewardProblems, verdictProblems } from './rewards.ts';
import { roleProblems } from './roles.ts';
import type * as t from '@babel/types';

/** In the order of the text; undefined while the text is too broken to tell. */
export function contractProblems(text: string, file: string, l10n: L10n): Problem[] | undefined {
  const module = readModule(text, file);
  if (module === undefined) return undefined;
  const ofClasses = module.classes.flatMap((own) => [
    ...exportProblems(module, own, l10n), ...nameProblems(module, own, l10n), ...methodProblems(module, own, l10n), ...roleProblems(module, own, l10n),
  ]);
  return [...ofClasses, ...tunedProblems(module, l10n), ...outputRewardProblems(module, l10n), ...verdictProblems(module, l10n)]
    // A node of the tree serves as a span, and would keep the whole tree alive.
    .map((problem) => ({ ...problem, span: { start: problem.span.start, end: problem.span.end } }))
    .sort((a, b) => a.span.start - b.span.start);
}

/** The first statement of `execute`, of the first workflow unless told: where to go on writing. */
export function bodyOfExecute(text: string, file: string, className?: string): number | undefined {
  const own = readModule(text, file)?.classes.find(({ kind, exportedAs }) => kind === 'workflow' && (className === undefined || exportedAs === className));
  const body = own && callableOf(own)?.body;
  return body?.type === 'BlockStatement' ? body.body[0]?.start ?? body.start! + 1 : undefined;
}

function exportProblems(module: SourceModule, own: OwnClass, l10n: L10n): Problem[] {
  if (own.exportedAs !== undefined || own.abstract || own.name === undefined || module.classes.some(({ base }) => base === own)) return [];
  const at = statementOf(module.program, own).start!;
  const message = own.kind === 'workflow'
    ? l10n.t('{0} is not exported, so no configuration can name it as its workflow.', own.name)
    : l10n.t('{0} is not exported, so no configuration can name it as its judge.', own.name);
  return [{ code: 'not-exported', severity: 'warning', message, span: nameSpan(own), fixes: [{ title: l10n.t('Export {0}', own.name), edits: [insert(at, 'export ')], preferred: true }] }];
}

function statementOf(program: t.Program, own: OwnClass): t.Node {
  return program.body.find((statement) => statement.start! <= own.node.start && own.node.end <= statement.end!) ?? own.node;
}

function nameProblems(module: SourceModule, own: OwnClass, l10n: L10n): Problem[] {
  if (own.kind !== 'workflow' || own.contract !== 'ours' || own.abstract || inheritedMember(own, 'name') !== undefined) return [];
  const { body } = own.node;
  const first = body.body[0];
  const indent = first && module.text.slice(body.start!, first.start!).includes('\n') ? indentAt(module.text, first.start!) : `${indentAt(module.text, own.node.start)}  `;
  const empty = first === undefined && !module.text.slice(body.start!, body.end!).includes('\n');
  const edit = insert(body.start! + 1, `\n${indent}name = '${snake(own.name ?? 'workflow')}';${empty || (first && !module.text.slice(body.start!, first.start!).includes('\n')) ? '\n' : ''}`);
  const fixes = [{ title: l10n.t('Add a name'), edits: [edit], preferred: true }];
  return [{ code: 'no-name', severity: 'warning', message: l10n.t('A workflow has a `name`.'), span: nameSpan(own), fixes }];
}

function snake(name: string): string {
  return name.replace(/([a-z0-9])([A-Z])/g, '$1_$2').replace(/([A-Z])([A-Z][a-z])/g, '$1_$2').toLowerCase();
}
