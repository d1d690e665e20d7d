/** A project with the adder workflow, its backbone, and sessions whose transcripts are kept beside the tests. */
import assert from 'node:assert/strict';
import { copyFile, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { RolloutSession } from '../../../../extension/debug/adapter/session.ts';
import type { BackboneClient } from '../../../../runtime/backbone/client.ts';
import type { JsonObject } from '../../../../runtime/protocol/json.ts';
import { Project, type ConfOptions } from '../../../runtime/backbone/project.ts';
import { Client } from './client.ts';
import { scriptedModel } from './scripted-model.ts';

const fixture = fileURLToPath(new URL('../../../fixtures/debug/adder.ts', import.meta.url));

export class World {
  readonly project: Project;
  readonly #model: string;
  readonly sessions: RolloutSession[] = [];

  private constructor(project: Project, model: string) {
    this.project = project;
    this.#model = model;
  }

  static async make(): Promise<World> {
    const project = await Project.make({ copy: [] });
    await copyFile(fixture, join(project.dir, 'adder.ts'));
    return new World(project, await scriptedModel());
  }

  /** Task `n` asks for `tasks[n]`, and its label is what comes after `=`. */
  async conf(tasks: string[], more: ConfOptions['rollout'] = {}, model: JsonObject | undefined = { path: 'scripted', base_url: this.#model }): Promise<string> {
    const rows = tasks.map((text, index) => {
      const [query, answer = ''] = text.split(' = ');
      return { task_id: `sum-${index}`, main_query: query!, metadata: { answer } };
    });
    return this.project.conf({
      workflow: 'adder.ts->Adder', judge: 'adder.ts->Exact', tasks: rows, label: 'answer',
      rollout: { max_response_length_in_one_turn: 40, max_env_worker: 1, ...more }, more: { model },
    });
  }

  /** A client of a session in this process, as the one in VS Code's extension host. */
  async session(connection?: BackboneClient): Promise<Client> {
    const client = connection ?? await this.project.client();
    const session = new RolloutSession(async () => ({
      start: async (request, onEvent) => {
        const { run, dir } = await client.request('start', { ...request, env: { PATH: process.env.PATH ?? '', ...request.env } });
        await client.attach(run, onEvent, 0);
        return { run, dir };
      },
      request: (method, params) => client.request(method, params),
      closed: client.closed,
      close: () => {},
    }));
    session.setRunAsServer(true);
    this.sessions.push(session);
    return new Client({ send: (message) => session.handleMessage(message), onMessage: (listen) => session.onDidSendMessage((message) => listen(message as never)) }, this.masks);
  }

  launch(conf: string, more: object = {}): object {
    return { type: 'tuning-fork', request: 'launch', name: 'test', conf, project: this.project.dir, ...more };
  }

  get masks(): [string | RegExp, string][] {
    return [
      [this.project.dir, '${project}'], [/runs\/test\/conf\d+\/[\d_-]+/g, 'runs/<run>'], [/"run":"[\d_-]+"/g, '"run":"<run>"'], [/conf\d+/g, '<conf>'], [/"call_[\w-]+"/g, '"call_<id>"'],
      [/ws:\/\/[\w.:/-]+/g, '<inspector>'], [/· \d+\.\d s/g, '· <s> s'], [/"id":"chatcmpl[^"]*"/g, '"id":"<id>"'],
    ];
  }
}

/** One text file for each transcript; `RESET_RESULTS=1` writes them anew. */
export async function golden(name: string, transcript: string): Promise<void> {
  const file = new URL(`transcripts/${name}.txt`, import.meta.url);
  if (process.env.RESET_RESULTS === '1') return writeFile(file, transcript);
  assert.equal(transcript, await readFile(file, 'utf8').catch(() => ''), `Another transcript than ${name}.txt; RESET_RESULTS=1 takes the new one.`);
}
