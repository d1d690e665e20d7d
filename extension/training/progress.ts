/** A training as its events tell it, for whatever shows it. No editor here. */
import type { RunEvent, RunProgress } from '../../runtime/protocol/backbone.ts';
import type { ErrorInfo } from '../../runtime/protocol/errors.ts';
import type { RunInfo } from '../../runtime/protocol/trace.ts';
import type { EvaluationRow, KeptCheckpoint, StepRow, TrainingEstimate, TrainingPhase, TrainingPlan, TrainingReport } from '../../runtime/protocol/training.ts';
import type { RunPlace } from '../commands/table.ts';

/** `interrupted`: its backbone died, or went away without a word. */
export type TrainingState = RunInfo['state'] | 'paused' | 'interrupted';

export interface Training extends RunPlace {
  info: RunInfo;
  state: TrainingState;
  plan?: TrainingPlan;
  phase?: TrainingPhase;
  progress?: RunProgress;
  estimate?: TrainingEstimate;
  report?: { report: TrainingReport; files: { json: string; html: string } };
  error?: ErrorInfo;
  readonly steps: StepRow[];
  readonly evaluations: EvaluationRow[];
  readonly checkpoints: KeptCheckpoint[];
  readonly notices: ErrorInfo[];
}

/** Steps whose time tells that of the next ones. */
const RECENT = 10;

export function trainingOf(place: RunPlace, info: RunInfo): Training {
  return { ...place, info, state: info.state, steps: [], evaluations: [], checkpoints: [], notices: [] };
}

/** True: something that is shown has changed. */
export function receive(training: Training, event: RunEvent): boolean {
  switch (event.type) {
    case 'started':
      training.info = event.info;
      return true;
    case 'model-ready':
      training.info = { ...training.info, policy: event.label };
      return true;
    case 'workflow-ready':
      training.info = { ...training.info, workflow: event.name };
      return true;
    case 'paused':
      if (!isOver(training)) training.state = event.paused ? 'paused' : 'running';
      return true;
    case 'progress':
      training.progress = event.progress;
      return false;
    case 'estimate':
      training.estimate = event.estimate;
      return true;
    case 'report':
      training.report = { report: event.report, files: event.files };
      return true;
    case 'notice':
      if (event.level !== 'info') training.notices.push(event.notice);
      return false;
    case 'training':
      return receiveTraining(training, event.event);
    case 'finished':
      training.state = event.state;
      if (event.error !== undefined) training.error = event.error;
      return true;
    default:
      return false;
  }
}

function receiveTraining(training: Training, event: Extract<RunEvent, { type: 'training' }>['event']): boolean {
  switch (event.type) {
    case 'training':
      training.plan = event.plan;
      return true;
    case 'phase':
      training.phase = event.phase;
      return true;
    case 'step':
      training.steps.push(event.row);
      return true;
    case 'evaluation':
      training.evaluations.push(event.row);
      return true;
    case 'checkpoint':
      training.checkpoints.push(event.checkpoint);
      return true;
    case 'notice':
      return false;
  }
}

export function isOver({ state }: Training): boolean {
  return state !== 'running' && state !== 'paused';
}

export function stepOf({ steps, plan }: Training): number {
  return steps.at(-1)?.step ?? plan?.from ?? 0;
}

/** Milliseconds until its end: the newest steps and the validations still to come. Undefined before there is anything to tell it from. */
export function timeLeft({ steps, evaluations, plan }: Training): number | undefined {
  const recent = steps.slice(-RECENT);
  if (plan === undefined || recent.length < 2) return undefined;
  const done = recent.at(-1)!.step;
  const perStep = recent.reduce((sum, { time }) => sum + time.total, 0) / recent.length;
  const validated = evaluations.at(-1);
  if (validated === undefined) return (plan.steps - done) * perStep;
  const perValidation = evaluations.reduce((sum, { time }) => sum + time.total, 0) / evaluations.length;
  const apart = evaluations.length < 2 ? plan.steps : validated.step - evaluations.at(-2)!.step;
  return (plan.steps - done) * perStep + Math.ceil((plan.steps - validated.step) / Math.max(1, apart)) * perValidation;
}

const BARS = [...'▁▂▃▄▅▆▇█'];

/** The rewards as columns, the newest last; neighbours are put together where they are more than `width`. */
export function sparkline(values: readonly (number | null)[], width = 40): string {
  const known = values.map((value) => value ?? 0);
  const columns = Math.min(width, known.length);
  const means = Array.from({ length: columns }, (_, column) => {
    const part = known.slice(Math.floor(column * known.length / columns), Math.floor((column + 1) * known.length / columns));
    return part.reduce((sum, value) => sum + value, 0) / part.length;
  });
  const [low, high] = [Math.min(...means), Math.max(...means)];
  return means.map((mean) => BARS[high - low < 1e-9 ? 3 : Math.round((mean - low) / (high - low) * (BARS.length - 1))]!).join('');
}

/** `3 min`, as coarse as it is uncertain, so that it changes seldom. */
export function roundedMinutes(milliseconds: number): { value: number; unit: 's' | 'min' | 'h' } {
  const seconds = milliseconds / 1_000;
  if (seconds < 55) return { value: Math.max(5, Math.ceil(seconds / 5) * 5), unit: 's' };
  if (seconds < 90 * 60) return { value: Math.max(1, Math.round(seconds / 60)), unit: 'min' };
  return { value: Math.round(seconds / 360) / 10, unit: 'h' };
}
