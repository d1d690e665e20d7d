/** One part of a bench, in a process of its own: `node part.ts <module>` sends its figures to whoever forked it. */
import type { Figure } from './figure.ts';

const { bench } = (await import(process.argv[2]!)) as { bench(): Promise<Figure[]> };
process.send!(await bench());
process.exit(0);
