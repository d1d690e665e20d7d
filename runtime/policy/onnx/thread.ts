import { parentPort, workerData } from 'node:worker_threads';
import { errorInfo } from '../../protocol/errors.ts';
import { Engine } from './engine.ts';
import { DecoderGraph } from './graph.ts';
import type { FromThread, ThreadData, ToThread } from './thread-messages.ts';

/** A run of the graph blocks its thread, so it has one of its own: whoever holds the policy stays responsive. */
const { files, threads, options } = workerData as ThreadData;
const tell = (message: FromThread): void => parentPort!.postMessage(message);

try {
  const graph = await DecoderGraph.open(files, { threads });
  const engine = new Engine(graph, options, (news) => tell({ type: 'news', news }));
  parentPort!.on('message', (message: ToThread) => void receive(engine, message));
  tell({ type: 'ready', layout: graph.decodeLayout });
} catch (error) {
  tell({ type: 'broken', error: errorInfo(error, 'policy') });
}

async function receive(engine: Engine, message: ToThread): Promise<void> {
  switch (message.type) {
    case 'call': return engine.submit(message.call);
    case 'cancel': return engine.cancel(message.call);
    case 'swap': {
      const { version, waitMs } = message;
      try {
        await engine.swap(await DecoderGraph.open(message.files, { threads }), version, waitMs);
        return tell({ type: 'swapped', version });
      } catch (error) {
        return tell({ type: 'swapped', version, error: errorInfo(error, 'policy') });
      }
    }
    case 'close':
      await engine.close();
      tell({ type: 'closed' });
      return parentPort!.close();
  }
}
