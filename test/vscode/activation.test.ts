import { join } from 'node:path';
import { journeyInside } from './journey.ts';
import { repository } from './launch.ts';

journeyInside('the extension is active where a workflow is', { workspace: { from: join(repository, 'examples/math-agent') } }, new URL('./suites/active.ts', import.meta.url));
journeyInside('the extension sleeps where none is', { workspace: { files: { 'index.ts': 'export {};\n', 'notes.yaml': 'a: 1\n' } } }, new URL('./suites/asleep.ts', import.meta.url));
