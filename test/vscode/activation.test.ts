import { journeyInside } from './journey.ts';

journeyInside('the extension sleeps where none is', { workspace: { files: { 'index.ts': 'export {};\n', 'notes.yaml': 'a: 1\n' } } }, new URL('./suites/asleep.ts', import.meta.url));
