/** The backbone's process: `node main.ts <project folder>`. Warm while somebody uses it, gone two minutes after the last one left. */
import { randomBytes } from 'node:crypto';
import { stampOf } from '../processes/stamp.ts';
import { Backbone } from './backbone.ts';
import { LOCKED } from './client.ts';
import { Location } from './location.ts';
import { listen } from './server.ts';
import { VERSION } from './version.ts';

const IDLE_MS = Number(process.env.TUNING_FORK_IDLE_MS ?? 120_000);

const project = process.argv[2]!;
/** As whoever started this one told it: a client that reads our files anew would else take it for another version at once. */
const version = process.argv[3] ?? VERSION;
const location = new Location(project);
if (!location.lock()) process.exit(LOCKED);

const token = randomBytes(24).toString('base64url');
const socket = location.newSocket();
const backbone = await Backbone.open(project, version, quit);

let idle: NodeJS.Timeout | undefined;
let clients = 0;
const server = await listen(backbone, socket, { token, onClients: (count) => { clients = count; watchIdle(); } });
backbone.onIdle = watchIdle;
if (location.holder()?.pid !== process.pid) process.exit(LOCKED);
location.publish({ socket, token, version, process: stampOf(process.pid)! });
process.send?.('listening');
watchIdle();

function watchIdle(): void {
  clearTimeout(idle);
  if (clients === 0 && !backbone.busy) idle = setTimeout(() => void backbone.shutdown(false).catch(() => {}), IDLE_MS);
}

function quit(): void {
  server.close();
  location.release(socket);
  process.exit(0);
}

// Clients ask by RPC. A signal comes from a shutdown of the machine or a person who means it: finish what can be finished.
for (const signal of ['SIGTERM', 'SIGHUP'] as const) process.on(signal, () => void backbone.shutdown(true));
process.on('SIGINT', () => {});
process.on('uncaughtException', (error) => {
  console.error(new Date().toISOString(), 'uncaught', error);
  void backbone.shutdown(true);
});
process.on('unhandledRejection', (reason) => console.error(new Date().toISOString(), 'unhandled', reason));
