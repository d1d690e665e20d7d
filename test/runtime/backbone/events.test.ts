import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { EventLog } from '../../../runtime/backbone/events.ts';
import { emptyProgress } from '../../../runtime/backbone/progress.ts';
import type { RunEvent } from '../../../runtime/protocol/backbone.ts';

const log = (text: string): { type: 'log'; stream: 'out'; text: string } => ({ type: 'log', stream: 'out', text });

function kept(events: EventLog, since = 0): RunEvent[] {
  const found: RunEvent[] = [];
  events.subscribe((event) => found.push(event), since)();
  return found;
}

describe('the events of a run', () => {
  it('are numbered, told to whoever listens, and kept for whoever comes', () => {
    const events = new EventLog('r', []);
    const heard: number[] = [];
    const stop = events.subscribe(({ seq }) => heard.push(seq), 0);
    events.emit(log('a'));
    events.emit({ type: 'progress', progress: emptyProgress(), elapsed: 1 });
    stop();
    events.emit(log('b'));
    assert.deepEqual(heard, [1, 2]);
    assert.deepEqual(kept(events).map(({ seq, type }) => [seq, type]), [[1, 'log'], [3, 'log']], 'the next progress says it all again');
    assert.deepEqual(kept(events, 1).map(({ seq }) => seq), [3]);
    assert.equal(events.seq, 3);
  });

  it('end with the end: what a dying worker still says is nobody\'s', () => {
    const events = new EventLog('r', []);
    events.emit({ type: 'finished', state: 'finished' });
    events.emit(log('late'));
    assert.deepEqual(kept(events).map(({ type }) => type), ['finished']);
  });

  it('fill no memory, however much a workflow prints', () => {
    const events = new EventLog('r', []);
    events.emit({ type: 'released', rollout: 'first' });
    for (let line = 0; line < 100; line++) events.emit(log('x'.repeat(50_000)));
    events.emit(log('last'));
    const all = kept(events);
    assert.ok(JSON.stringify(all).length < 1.2 * 2 ** 20);
    assert.equal(all[0]!.type, 'released', 'it is the output that goes');
    assert.equal((all.at(-1) as { text: string }).text, 'last');
    for (let line = 0; line < 20_000; line++) events.emit(log('y'));
    assert.ok(kept(events).length <= 5_000);
  });

  it('keep what tells a late client how a run stands, whatever came by the hundred since', () => {
    const events = new EventLog('r', []);
    events.emit({ type: 'workflow-ready', name: 'first', roles: null, milliseconds: 1 });
    for (let step = 0; step < 10_000; step++) {
      events.emit({ type: 'training', event: { type: 'phase', step, phase: 'learn' } });
      if (step % 1_000 === 0) events.emit({ type: 'notice', level: 'info', notice: { code: 'training', message: `step ${step}` } });
    }
    const all = kept(events);
    assert.equal(all[0]!.type, 'workflow-ready');
    assert.equal(all.filter(({ type }) => type === 'notice').length, 10);
    assert.ok(all.length <= 5_011);
    assert.deepEqual(all.map(({ seq }) => seq), all.map(({ seq }) => seq).sort((a, b) => a - b));
    assert.equal((all.at(-1) as { event: { step: number } }).event.step, 9_999);
  });

  it('show no secret', () => {
    const events = new EventLog('r', ['sesame-sesame']);
    events.emit(log('open sesame-sesame'));
    assert.equal((kept(events)[0] as { text: string }).text, 'open [secret]');
  });
});
