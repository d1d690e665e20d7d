/** Questions one after another, in the input at the top: back to the one before, or away with Esc. */
import * as vscode from 'vscode';

export const BACK = Symbol('back');
/** Undefined: Esc. */
export type Answer<T> = T | typeof BACK | undefined;

export interface Where {
  title: string;
  step: number;
  of: number;
}

export interface Choice<T> extends vscode.QuickPickItem {
  value: T;
}

/** Each step reads and completes what is known; undefined when somebody leaves. Gone back to, a step is proposed its last answer. */
export async function ask<T extends object>(title: string, start: T, steps: readonly ((known: T, where: Where) => Promise<Answer<Partial<T>>>)[]): Promise<T | undefined> {
  let known = start;
  for (let i = 0; i < steps.length;) {
    const answer = await steps[i]!(known, { title, step: i + 1, of: steps.length });
    if (answer === undefined) return undefined;
    if (answer === BACK) {
      i--;
    } else {
      known = { ...known, ...answer };
      i++;
    }
  }
  return known;
}

export function choose<T>({ title, step, of }: Where, placeholder: string, items: readonly Choice<T>[], active?: T): Promise<Answer<T>> {
  const input = vscode.window.createQuickPick<Choice<T>>();
  Object.assign(input, { title, step, totalSteps: of, placeholder, items, matchOnDescription: true, matchOnDetail: true, ignoreFocusOut: true });
  const first = items.find(({ value }) => value === active);
  if (first !== undefined) input.activeItems = [first];
  return answered(input, step, (settle) => [input.onDidAccept(() => { if (input.selectedItems[0]) settle(input.selectedItems[0].value); })]);
}

/** `complaint` says what is wrong with a text, if anything. */
export function write({ title, step, of }: Where, prompt: string, value: string, complaint: (text: string) => string | undefined): Promise<Answer<string>> {
  const input = vscode.window.createInputBox();
  Object.assign(input, { title, step, totalSteps: of, prompt, value, ignoreFocusOut: true });
  const check = (): void => { input.validationMessage = complaint(input.value.trim()); };
  check();
  return answered(input, step, (settle) => [
    input.onDidChangeValue(check),
    input.onDidAccept(() => { if (complaint(input.value.trim()) === undefined) settle(input.value.trim()); }),
  ]);
}

function answered<T>(input: vscode.QuickInput & { buttons: readonly vscode.QuickInputButton[]; onDidTriggerButton: vscode.Event<vscode.QuickInputButton> }, step: number, listen: (settle: (answer: Answer<T>) => void) => vscode.Disposable[]): Promise<Answer<T>> {
  return new Promise((resolve) => {
    if (step > 1) input.buttons = [vscode.QuickInputButtons.Back];
    const listening = [
      ...listen((answer) => { resolve(answer); input.hide(); }),
      input.onDidTriggerButton(() => { resolve(BACK); input.hide(); }),
      input.onDidHide(() => {
        resolve(undefined);
        for (const one of listening) one.dispose();
        input.dispose();
      }),
    ];
    input.show();
  });
}
