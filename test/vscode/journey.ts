/** A journey: one test in a VS Code of its own, from a click to what is seen. When it fails it leaves a picture and prints the logs. */
import { test } from 'node:test';
import { late, launch, type Host, type LaunchOptions } from './launch.ts';
import { Workbench } from './workbench.ts';

/** TypeScript's own check of a whole project takes a core for seconds. */
const TYPES_ARE_NOT_LOOKED_AT = { 'typescript.tsserver.useSyntaxServer': 'always' };
export const TYPES_ARE_LOOKED_AT = { 'typescript.tsserver.useSyntaxServer': 'auto' };

export function journey(name: string, options: LaunchOptions & { skip?: string | false }, walk: (at: Host & { workbench: Workbench }) => Promise<void>): void {
  test(name, { skip: options.skip ?? false }, async () => {
    const host = await launch({ ...options, settings: { ...TYPES_ARE_NOT_LOOKED_AT, ...options.settings } });
    try {
      // Not the test runner's own time-out: that would end us without the logs.
      await Promise.race([walk({ ...host, workbench: new Workbench(host.page) }), late(140_000, 'The journey took longer than 140 s.')]);
    } catch (error) {
      const picture = await host.screenshot(`failed-${name.replace(/\W+/g, '-').toLowerCase()}`).catch(() => undefined);
      console.error(`The journey "${name}" failed.${picture === undefined ? '' : ` Picture: ${picture}`}\n${host.logs()}`);
      throw error;
    } finally {
      await host.close();
    }
  });
}

/** A journey inside the extension host: the module exports `run()`, uses the `vscode` API and fails by throwing. */
export function journeyInside(name: string, options: LaunchOptions & { skip?: string | false }, module: URL): void {
  journey(name, { ...options, window: false }, ({ runTests }) => runTests(module));
}
