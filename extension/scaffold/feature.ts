/** New workflows, configurations and examples. What writes them is loaded when it is asked for. */
import { command } from '../commands/table.ts';
import type { Studio } from '../studio.ts';
import { openWhatWasMade } from './later.ts';
import { mendLinks } from './mend-links.ts';

export function registerScaffold(studio: Studio): void {
  command(studio, 'tuningFork.newWorkflow', async () => (await import('./new-workflow.ts')).newWorkflow(studio));
  command(studio, 'tuningFork.createConfig', async (workflow) => (await import('./create-config.ts')).createConfig(studio, workflow));
  command(studio, 'tuningFork.openExample', async (name) => (await import('./open-example.ts')).openExample(studio, name));
  command(studio, 'tuningFork.addPackage', async (file) => (await import('./add-package.ts')).addPackageFor(file));
  const quietly = (work: Promise<void>): void => void work.catch((error: unknown) => studio.log.error(error as Error));
  quietly(openWhatWasMade(studio));
  quietly(studio.discovery.ready.then(() => mendLinks(studio)));
}
