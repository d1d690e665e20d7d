/** The chat models that other extensions give VS Code, as the server lends them. */
import * as vscode from 'vscode';
import type { ChatMessage } from '../../runtime/protocol/chat.ts';
import { LendingError, type Asked, type LentModel, type Piece } from './lender.ts';

export async function languageModels(): Promise<LentModel[]> {
  return (await vscode.lm.selectChatModels()).map(lent);
}

function lent(model: vscode.LanguageModelChat): LentModel {
  const { id, family, vendor } = model;
  return { id, family, vendor, ask: (asked, signal) => ask(model, asked, signal), countTokens: async (text) => model.countTokens(text).then((count) => count, () => undefined) };
}

async function* ask(model: vscode.LanguageModelChat, { messages, tools, mustCall, options }: Asked, signal: AbortSignal): AsyncGenerator<Piece> {
  const cancel = new vscode.CancellationTokenSource();
  signal.addEventListener('abort', () => cancel.cancel(), { once: true });
  try {
    const answer = await model.sendRequest(messages.map(messageOf), {
      justification: vscode.l10n.t('A workflow or a judge of this workspace asks it.'), modelOptions: options,
      tools: tools.map(({ function: { name, description = '', parameters } }) => ({ name, description, inputSchema: parameters })),
      ...(mustCall && { toolMode: vscode.LanguageModelChatToolMode.Required }),
    }, cancel.token);
    for await (const part of answer.stream) {
      if (part instanceof vscode.LanguageModelTextPart) yield { text: part.value };
      else if (part instanceof vscode.LanguageModelToolCallPart) yield { call: { id: part.callId, name: part.name, input: part.input } };
    }
  } catch (error) {
    throw refusal(model.id, error);
  } finally {
    cancel.dispose();
  }
}

/** These models know no system message: it goes first, as the user's. */
function messageOf({ role, content, tool_calls: calls = [], tool_call_id: id }: ChatMessage): vscode.LanguageModelChatMessage {
  if (role === 'tool') return vscode.LanguageModelChatMessage.User([new vscode.LanguageModelToolResultPart(id ?? '', [new vscode.LanguageModelTextPart(content)])]);
  if (role !== 'assistant') return vscode.LanguageModelChatMessage.User(content);
  return vscode.LanguageModelChatMessage.Assistant([
    ...(content === '' && calls.length > 0 ? [] : [new vscode.LanguageModelTextPart(content)]),
    ...calls.map((call) => new vscode.LanguageModelToolCallPart(call.id, call.function.name, argumentsOf(call.function.arguments))),
  ]);
}

function argumentsOf(text: string): object {
  try {
    const value: unknown = JSON.parse(text);
    return typeof value === 'object' && value !== null ? value : {};
  } catch {
    return {};
  }
}

function refusal(id: string, error: unknown): LendingError {
  const { message } = error as Error;
  const code = error instanceof vscode.LanguageModelError ? error.code : '';
  const status = code === 'NoPermissions' ? 403 : code === 'NotFound' ? 404 : code === 'Blocked' ? 429 : 500;
  return new LendingError(status, `${id}: ${message}${status === 403 ? ' Allow Tuning Fork to use it: VS Code asks when a run begins.' : ''}`);
}
