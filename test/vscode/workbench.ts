/** VS Code's window as a person uses it: by keys, labels and what can be read on it. */
import type { Locator, Page } from 'playwright-core';
import { until } from './until.ts';

export class Workbench {
  readonly page: Page;

  constructor(page: Page) {
    this.page = page;
  }

  /** Runs a command by its title in the command palette. */
  async command(title: string): Promise<void> {
    await this.#palette(`>${title}`, title);
  }

  /** Chooses an entry of the open quick pick; types it first, so that long lists find it. */
  async pick(label: string): Promise<void> {
    await this.quickInput().fill(label);
    await this.page.locator('.quick-input-list .monaco-list-row').filter({ hasText: label }).first().click();
  }

  /** Answers the open input box. */
  async answer(text: string): Promise<void> {
    const input = this.quickInput();
    await input.fill(text);
    await input.press('Enter');
  }

  /** The entries of the open quick pick, as far as they are on screen. */
  async picks(): Promise<string[]> {
    await this.page.locator('.quick-input-list .monaco-list-row').first().waitFor();
    return texts(this.page.locator('.quick-input-list .monaco-list-row .label-name'));
  }

  quickInput(): Locator {
    return this.page.locator('.quick-input-widget:visible input.input');
  }

  /** A notification; waits for it. Its buttons: `.getByRole('button', { name })`. The driver keeps VS Code from showing any by itself, so their list is opened. */
  async notification(text: string | RegExp, timeout = 15_000): Promise<Locator> {
    const toast = this.page.locator('.notification-list-item').filter({ hasText: text }).first();
    await until(async () => {
      // An empty list closes by itself.
      if (!await this.page.locator('.notifications-center.visible').isVisible()) await this.page.locator('[id="status.notifications"] a').click();
      return toast.isVisible();
    }, `There is no notification ${text}.`, timeout);
    return toast;
  }

  async notifications(): Promise<string[]> {
    return texts(this.page.locator('.notification-list-item-message'));
  }

  /** Opens a file of the workspace, the cursor at a line if one is told. */
  async open(path: string, line = 1, column = 1): Promise<void> {
    await this.page.keyboard.press('Control+p');
    const input = this.quickInput();
    await input.fill(path);
    const name = path.split('/').at(-1)!;
    // The first entry is the one that Enter takes: until what was typed is looked for, it is the file that was open last.
    await this.page.locator('.quick-input-list .monaco-list-row[data-index="0"]').filter({ hasText: name }).waitFor();
    await input.press('Enter');
    await this.page.locator('.tab.active').filter({ hasText: name }).waitFor();
    await this.goTo(line, column);
  }

  /** Puts the cursor somewhere in the editor that is open. */
  async goTo(line: number, column = 1): Promise<void> {
    await this.page.keyboard.press('Control+g');
    const input = this.quickInput();
    await input.fill(`:${line}:${column}`);
    await this.page.locator('.quick-input-list .monaco-list-row').filter({ hasText: `line ${line}` }).waitFor();
    await input.press('Enter');
    await input.waitFor({ state: 'hidden' });
  }

  /** Toggles a breakpoint on a line of the open editor. */
  async breakpoint(line: number): Promise<void> {
    await this.goTo(line);
    const marks = this.page.locator('.glyph-margin-widgets .codicon-debug-breakpoint, .glyph-margin-widgets .codicon-debug-breakpoint-unverified');
    const before = await marks.count();
    await this.page.keyboard.press('F9');
    await until(async () => (await marks.count()) !== before, 'The breakpoint was not set.');
  }

  /** The lenses above the lines of the open editor, as far as they are on screen. */
  codeLenses(): Promise<string[]> {
    return texts(this.page.locator('.codelens-decoration > a, .codelens-decoration > span'));
  }

  codeLens(text: string | RegExp): Locator {
    return this.page.locator('.codelens-decoration > a').filter({ hasText: text }).first();
  }

  /** What decorations have written beside the code, from top to bottom: they are not in the text but in its style. */
  inlineTexts(): Promise<string[]> {
    return this.page.locator('.editor-instance .view-line').evaluateAll((lines) => lines
      .toSorted((a, b) => a.getBoundingClientRect().top - b.getBoundingClientRect().top)
      .flatMap((line) => [...line.querySelectorAll('span')].flatMap((span) => ['::before', '::after'].map((side) => span.ownerDocument.defaultView!.getComputedStyle(span, side).content)))
      .filter((content) => content !== 'none' && content !== 'normal' && content !== '""' && content !== '')
      .map((content) => JSON.parse(content) as string));
  }

  /** Opens a view by its title, as "View: Open View…" does. */
  async view(title: string): Promise<Locator> {
    await this.#palette(`view ${title}`, title);
    return this.pane(title);
  }

  /** A view that is open in the side bar or the panel. */
  pane(title: string): Locator {
    return this.page.locator('.pane').filter({ has: this.page.locator('.pane-header', { hasText: title }) }).first();
  }

  /** The rows of a tree, as far as they are on screen. */
  rows(inside: Locator): Promise<string[]> {
    return texts(inside.locator('.monaco-list-row'));
  }

  row(inside: Locator, text: string | RegExp): Locator {
    return inside.locator('.monaco-list-row').filter({ hasText: text }).first();
  }

  statusBar(): Promise<string[]> {
    return texts(this.page.locator('.statusbar-item'));
  }

  /** Waits until a program stands still at a line, and tells which. */
  async stopped(timeout = 30_000): Promise<{ frames: string[]; line: number }> {
    const mark = this.page.locator('.debug-top-stack-frame-line').first();
    await mark.waitFor({ timeout });
    await this.page.locator('.debug-call-stack .stack-frame').first().waitFor({ timeout });
    // The mark of the stop before may be on its way out.
    const line = await mark.evaluate((element) => {
      const top = element.getBoundingClientRect().top;
      const numbers = [...element.closest('.monaco-editor')?.querySelectorAll('.line-numbers') ?? []];
      return Number(numbers.find((number) => Math.abs(number.getBoundingClientRect().top - top) < 4)?.textContent ?? 0);
    });
    return line === 0 ? this.stopped(timeout) : { frames: await this.callStack(), line };
  }

  /** What VS Code has not heard of yet is not in its list, which doesn't grow while it is open. */
  async #palette(typed: string, chosen: string): Promise<void> {
    const row = this.page.locator('.quick-input-list .monaco-list-row').filter({ hasText: chosen }).first();
    for (let tries = 0; ; tries++) {
      await this.page.keyboard.press('F1');
      await this.quickInput().fill(typed);
      try {
        return await row.click({ timeout: 3_000 });
      } catch (error) {
        if (tries === 4) throw error;
        await this.page.keyboard.press('Escape');
      }
    }
  }

  callStack(): Promise<string[]> {
    return texts(this.page.locator('.debug-call-stack .monaco-list-row'));
  }

  variables(): Promise<string[]> {
    return texts(this.page.locator('.debug-variables .monaco-list-row'));
  }

  /** Waits for a variable to be shown, and opens what it lies in: `variable('Local', /answer = /)`. */
  async variable(...path: (string | RegExp)[]): Promise<Locator> {
    const rows = path.map((text) => this.row(this.page.locator('.debug-variables'), text));
    for (const outer of rows.slice(0, -1)) await expand(outer);
    await rows.at(-1)!.waitFor();
    return rows.at(-1)!;
  }

  /** A button of the debug toolbar: Continue, Step Over, Restart, Stop. */
  debugButton(name: string): Locator {
    return this.page.locator('.debug-toolbar').getByRole('button', { name: new RegExp(`^${name}`) });
  }
}

/** Opens a row of a tree, if it is closed. */
export async function expand(row: Locator): Promise<void> {
  await row.waitFor();
  if ((await row.getAttribute('aria-expanded')) === 'false') await row.locator('.monaco-tl-twistie').click();
}

async function texts(all: Locator): Promise<string[]> {
  return (await all.allTextContents()).map((text) => text.replace(/\s+/g, ' ').trim()).filter((text) => text !== '');
}
