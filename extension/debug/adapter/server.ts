/** The adapter on its standard input and output, for other editors and for tests: `node server.js`. */
import { connectBackbone } from '../../../runtime/backbone/client.ts';
import { RolloutSession } from './session.ts';
import type { ConnectRuns } from './runs.ts';

const connect: ConnectRuns = async ({ project, node }) => {
  const client = (await connectBackbone({ project, client: 'debug adapter', node }))!;
  const env = Object.fromEntries(Object.entries(process.env).filter((entry): entry is [string, string] => entry[1] !== undefined));
  return {
    start: async (request, onEvent) => {
      const { run, dir } = await client.request('start', { ...request, env: { ...env, ...request.env } });
      await client.attach(run, onEvent, 0);
      return { run, dir };
    },
    request: (method, params) => client.request(method, params),
    closed: client.closed,
    close: () => client.close(),
  };
};

new RolloutSession(connect).start(process.stdin, process.stdout);
