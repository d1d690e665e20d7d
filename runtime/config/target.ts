import { TuningForkError, type Place } from '../protocol/errors.ts';

export interface Target {
  file: string;
  className: string;
}

const PROGRAM = /\.[cm]?[jt]sx?$/i;

/** In place of a class: the one that a file of Osmosis' contract holds. */
export const ENTRYPOINT = '*';

/** Takes `path/file.ts->Class` apart; a file alone is an entrypoint. */
export function splitTarget(text: string, where?: Place): Target {
  const at = text.lastIndexOf('->');
  if (at < 0 && PROGRAM.test(text.trim())) return { file: text.trim(), className: ENTRYPOINT };
  const file = text.slice(0, at).trim();
  const className = text.slice(at + 2).trim();
  if (at < 0 || file === '' || className === '') {
    throw new TuningForkError('config', `\`${text}\` doesn’t say which class of which file.`, { next: 'Write path/file.ts->Class.', where });
  }
  if (!/^[\p{ID_Start}$_][\p{ID_Continue}$]*$/u.test(className)) {
    throw new TuningForkError('config', `\`${className}\` isn’t the name of a class.`, { next: 'Write path/file.ts->Class.', where });
  }
  if (!PROGRAM.test(file)) {
    const python = /\.py$/i.test(file) || /^[\w]+(\.[\w]+)+$/.test(file);
    throw new TuningForkError('config', python
      ? `\`${text}\` names a Python class; workflows and judges are TypeScript here.`
      : `\`${file}\` isn’t a TypeScript or JavaScript file.`, { next: 'Write path/file.ts->Class.', where });
  }
  return { file, className };
}
