import { status, stop } from '../../../runtime/cli/commands/backbone.ts';
import { check } from '../../../runtime/cli/commands/check.ts';
import { init } from '../../../runtime/cli/commands/init.ts';
import { launch } from '../../../runtime/cli/commands/launch.ts';
import { rejudge } from '../../../runtime/cli/commands/rejudge.ts';
import { replay } from '../../../runtime/cli/commands/replay.ts';
import { rollout } from '../../../runtime/cli/commands/rollout.ts';
import { runs } from '../../../runtime/cli/commands/runs.ts';

export const commands = [init, rollout, replay, rejudge, check, runs, status, stop, launch];
