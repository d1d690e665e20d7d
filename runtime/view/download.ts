/** Exports as downloads of a browser. A link can't carry the token of the page, so each has an address that is good for once. */
import { randomBytes } from 'node:crypto';
import type { ServerResponse } from 'node:http';
import { errorInfo } from '../protocol/errors.ts';
import type { ExportChoice, ViewerEvent } from '../protocol/viewer.ts';
import type { RunReader } from '../trace/index.ts';

const KEPT = 16;
const TYPES: Record<ExportChoice['format'], string> = { parquet: 'application/vnd.apache.parquet', csv: 'text/csv; charset=utf-8', jsonl: 'application/x-ndjson' };

export class Downloads {
  readonly #run: RunReader;
  readonly #tell: (event: ViewerEvent) => void;
  readonly #offered = new Map<string, ExportChoice>();

  constructor(run: RunReader, tell: (event: ViewerEvent) => void) {
    this.#run = run;
    this.#tell = tell;
  }

  /** Its path below the page. */
  offer(choice: ExportChoice): string {
    if (this.#offered.size >= KEPT) this.#offered.delete(this.#offered.keys().next().value!);
    const key = randomBytes(24).toString('base64url');
    this.#offered.set(key, choice);
    return `download/${key}`;
  }

  /** Undefined where nothing is offered there, or not any more. */
  take(key: string): ExportChoice | undefined {
    const choice = this.#offered.get(key);
    this.#offered.delete(key);
    return choice;
  }

  /** As fast as the browser takes it; a download that is given up ends the reading too. */
  async send(choice: ExportChoice, response: ServerResponse): Promise<void> {
    const { exportChosen, fileNameOf } = await import('./export.ts');
    const file = fileNameOf(this.#run.info, choice);
    response.writeHead(200, {
      'content-type': TYPES[choice.format], 'content-disposition': `attachment; filename*=UTF-8''${encodeURIComponent(file)}`,
      'cache-control': 'no-store', 'x-content-type-options': 'nosniff',
    });
    try {
      await this.#run.refresh();
      const { rollouts, problems } = await exportChosen(this.#run, response, choice);
      this.#tell({ type: 'exported', file, rollouts, problems: problems.map((problem) => errorInfo(problem)) });
    } catch (error) {
      const givenUp = (error as NodeJS.ErrnoException).code === 'ERR_STREAM_PREMATURE_CLOSE';
      if (!givenUp) this.#tell({ type: 'exported', file, rollouts: 0, problems: [errorInfo(error)] });
      // What is half there must not look whole.
      response.destroy();
    }
  }
}
