import { connectBackbone, type BackboneClient } from '../backbone/client.ts';
import { projectFolder } from '../backbone/location.ts';
import type { Args } from './args.ts';

export function projectOf(args: Args): string {
  return projectFolder(args.text('project') ?? process.cwd());
}

export async function connect(args: Args): Promise<BackboneClient> {
  return (await connectBackbone({ project: projectOf(args), client: 'cli' }))!;
}

export async function connectIfRunning(args: Args): Promise<BackboneClient | undefined> {
  return connectBackbone({ project: projectOf(args), client: 'cli', startIfAbsent: false });
}

/** The caller's environment, as the backbone and the workers shall see it. */
export function environment(): Record<string, string> {
  return Object.fromEntries(Object.entries(process.env).filter((entry): entry is [string, string] => entry[1] !== undefined));
}
