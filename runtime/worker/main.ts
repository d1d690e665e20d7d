/** The child process that runs user code: the only one that imports it, so a breakpoint stops nothing else. */
import inspector from 'node:inspector';
import { errorInfo, TuningForkError } from '../protocol/errors.ts';
import type { FromWorker, ToWorker, WorkerLoad } from '../protocol/worker.ts';
import { exitProcess, installContainment, whileImporting } from './containment.ts';
import { loadUserCode, type UserCode } from './load.ts';
import { installLoader, transformed } from './loader.ts';
import { RolloutRunner } from './rollouts.ts';
import { startWatchdog } from './watchdog.ts';

const channel = process.send!.bind(process);
const send = (message: FromWorker): void => void (process.connected && channel(message, undefined, {}, () => {}));
// Some packages report to whoever started the process if they can; here nobody would understand them.
process.send = undefined;

installLoader();
installContainment(send);

let runner: RolloutRunner | undefined;

process.on('message', (message: ToWorker) => {
  switch (message.type) {
    case 'load': return void load(message.load);
    case 'run': return runner?.run(message.start);
    case 'judge': return void runner?.judge(message);
    case 'cancel': return runner?.cancel(message.rollout, message.attempt, message.error);
    case 'ask': return runner?.ask();
    case 'go-on': return runner?.goOn(message.ask);
    case 'step-into': return runner?.stepInto(message);
    case 'recorded-tool': return runner?.recordedTool(message.ask, message.result);
    case 'stop': return stop();
  }
});
process.on('disconnect', stop);
// Ctrl-C in a terminal reaches the whole process group; what happens then is the backbone's decision.
process.on('SIGINT', () => {});

async function load(request: WorkerLoad): Promise<void> {
  try {
    replaceEnvironment(request.env);
    process.chdir(request.projectDir);
    if (request.inspect) {
      inspector.open(0, '127.0.0.1');
      // Once it waits it can tell nothing: whoever hears this asks the inspector whether it does.
      send({ type: 'inspector', url: inspector.url()!, pid: process.pid });
      inspector.waitForDebugger();
    }
    const { limits } = request;
    const watchdog = limits === null ? undefined : startWatchdog(limits.import);
    const code = await whileImporting(() => importInTime(request));
    runner = new RolloutRunner(request, code, send);
    const sample = code.Workflow === null ? { name: request.workflow.className, trainableTargets: null } : runner.example();
    if (limits !== null) watchdog?.setLimit(limits.block);
    send({
      type: 'loaded',
      workflow: {
        name: sample.name, trainableTargets: sample.trainableTargets, judge: judgeName(code),
        loader: transformed.size > 0 ? 'transform' : 'strip',
      },
    });
  } catch (error) {
    send({ type: 'load-failed', error: error instanceof TuningForkError ? errorInfo(error) : errorInfo(error, 'workflow') });
  }
}

/** Whoever started the backbone may have had other variables than the client that runs this. */
function replaceEnvironment(env: Record<string, string>): void {
  for (const name of Object.keys(process.env)) if (!Object.hasOwn(env, name)) delete process.env[name];
  Object.assign(process.env, env);
}

/** A loop is the watchdog's business; this is about waiting. */
async function importInTime(request: WorkerLoad): Promise<UserCode> {
  const { limits, workflow } = request;
  if (limits === null) return loadUserCode(request);
  const tooLate = Promise.withResolvers<never>();
  const timer = setTimeout(() => tooLate.reject(new TuningForkError('workflow', `Importing the workflow did not end within ${limits.import / 1000} s.`, {
    where: { file: workflow.file }, next: 'Look for an "await" outside of all functions, here or in a file that is imported: it never ends.',
  })), limits.import);
  try {
    return await Promise.race([loadUserCode(request), tooLate.promise]);
  } finally {
    clearTimeout(timer);
  }
}

function judgeName(code: UserCode): string | null {
  return code.judge === null ? null : code.judge.constructor.name;
}

function stop(): void {
  // A debugger that is still attached would keep the process waiting for it.
  inspector.close();
  exitProcess(0);
}

send({ type: 'ready', node: process.version });
