/** What may be written at a place of a configuration. */
import { readdir } from 'node:fs/promises';
import { dirname, relative, resolve } from 'node:path';
import { BUILTIN_JUDGES } from '../../runtime/protocol/config.ts';
import { providers } from '../../runtime/protocol/providers.ts';
import { belowRoot, defaultOf, helpOf, isMapping, keysAt, kindOf, schemaAt, TOP_KEYS, wordsOf } from './config-schema.ts';
import { posix, type Named } from './named.ts';
import type { L10n, Span } from '../../runtime/contracts/problem.ts';
import { cursorAt, keyPathAt } from './yaml-cursor.ts';

export interface Suggestion {
  label: string;
  kind: 'key' | 'mapping' | 'word' | 'class' | 'file' | 'folder' | 'role';
  text: string;
  span: Span;
  detail?: string | undefined;
  /** Markdown. */
  documentation?: string | undefined;
  /** There is more to choose when it is taken. */
  goOn?: boolean;
}

/** What the workspace has to offer. */
export interface Offers {
  workflows: readonly (Named & { roles: readonly string[] })[];
  judges: readonly Named[];
}

const FILE_KEYS: readonly string[] = ['task_reader.jsonl_dataset_file.training.file_path', 'task_reader.jsonl_dataset_file.validation.file_path'];

export async function suggestions(text: string, offset: number, file: string, offers: Offers, l10n: L10n): Promise<Suggestion[]> {
  const cursor = cursorAt(text, offset);
  if (cursor === undefined) return [];
  const { span } = cursor;
  if (cursor.at === 'key') return keys(cursor, l10n).map((key) => ({ ...key, span }));
  const path = belowRoot(cursor.path);
  const schema = path && schemaAt(path);
  if (path === undefined || schema === undefined) return [];
  const word = (label: string, detail?: string): Suggestion => ({ label, kind: 'word', text: label, span, detail });
  const named = ({ file: source, className }: Named): Suggestion => {
    const label = `${posix(relative(dirname(file), source))}->${className}`;
    return { label, kind: 'class', text: label, span };
  };
  switch (path.join('.')) {
    case 'rollout.user_workflow': case 'rollout.agentscope_workflow':
      return offers.workflows.map(named);
    case 'task_judge.judge_protocol':
      return [...offers.judges.map(named), ...BUILTIN_JUDGES.map((name) => word(`builtin->${name}`)), word('null', l10n.t('the workflow gives every reward'))];
    case 'trainable_targets':
      return [...new Set(offers.workflows.flatMap(({ roles }) => roles))].map((label) => ({ label, kind: 'role', text: label, span }));
    case 'model.path':
      return [word('embedded', l10n.t('the model that ships')), ...Object.keys(providers).map((name) => word(`${name}:`)), ...await paths(cursor.written, file, span, true)];
    default:
      if (FILE_KEYS.includes(path.join('.'))) return paths(cursor.written, file, span, false);
  }
  const words = wordsOf(schema);
  const usual = defaultOf(schema);
  return [...new Set([...words, ...(usual === undefined ? [] : [usual])])].map((label) => word(label, label === usual ? l10n.t('default') : undefined));
}

/** Markdown about the key at a place. */
export function hoverAt(text: string, offset: number, l10n: L10n): { markdown: string; span: Span } | undefined {
  const found = keyPathAt(text, offset);
  const path = found && belowRoot(found.path);
  const markdown = path && path.length > 0 ? helpOf(path, l10n) : undefined;
  return markdown === undefined ? undefined : { markdown, span: found!.span };
}

type Key = Omit<Suggestion, 'span'>;

function keys({ path: whole, siblings, indent, colon, flow }: Pick<NonNullable<ReturnType<typeof cursorAt>>, 'path' | 'siblings' | 'indent' | 'colon' | 'flow'>, l10n: L10n): Key[] {
  const deeper = `\n${indent}  `;
  if (whole.length === 0) {
    const others = siblings.some((name) => TOP_KEYS.indexOf(name) >= 0 && TOP_KEYS.indexOf(name) < 3);
    return TOP_KEYS.filter((name, i) => !siblings.includes(name) && !(others && i < 3)).map((label) => ({ label, kind: 'mapping', text: colon ? label : `${label}:${deeper}`, goOn: !colon }));
  }
  const path = belowRoot(whole);
  if (path === undefined) return [];
  return keysAt(path, 'with effect').filter((key) => !siblings.includes(key)).map((label): Key => {
    const full = [...path, label];
    const schema = schemaAt(full)!;
    const mapping = isMapping(schema);
    const after = colon ? '' : !mapping ? ': ' : flow ? ': { ' : `:${deeper}`;
    const goOn = !colon && (mapping || wordsOf(schema).length > 0 || CHOSEN.includes(full.join('.')));
    return { label, kind: mapping ? 'mapping' : 'key', text: label + after, detail: kindOf(schema, l10n), documentation: helpOf(full, l10n), goOn };
  });
}

/** Keys whose values are offered, apart from those of a few words. */
const CHOSEN: readonly string[] = [...FILE_KEYS, 'rollout.user_workflow', 'task_judge.judge_protocol', 'model.path'];

/** Files and folders beside what is written so far. */
async function paths(written: string, file: string, span: Span, foldersOnly: boolean): Promise<Suggestion[]> {
  const folder = written.slice(0, written.lastIndexOf('/') + 1);
  const entries = await readdir(resolve(dirname(file), folder), { withFileTypes: true }).catch(() => []);
  return entries.filter((entry) => !/^(?:\.|node_modules$|runs$)/.test(entry.name) && (entry.isDirectory() || (!foldersOnly && /\.jsonl$/i.test(entry.name)))).map((entry) => {
    const isFolder = entry.isDirectory();
    const label = `${folder}${entry.name}${isFolder ? '/' : ''}`;
    return { label, kind: isFolder ? 'folder' : 'file', text: label, span, goOn: isFolder };
  });
}
