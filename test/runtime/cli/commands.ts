import { commands as table } from '../../../runtime/cli/commands.ts';
import { launch } from '../../../runtime/cli/commands/launch.ts';

/** All of them, and the call without a command. */
export const commands = [...await Promise.all(Object.values(table).map(({ load }) => load())), launch];
