/** Work that takes seconds of a processor, in a thread of its own: the process goes on with everything else. */
import { once } from 'node:events';
import { parentPort, Worker, workerData } from 'node:worker_threads';

interface Handed {
  readonly script: string;
  readonly input: unknown;
}

/** `script`: the `import.meta.url` of a file that ends with `answerAsWorker`. Rejects when it breaks off, and when `signal` says so. */
export async function runInWorker<Answer>(script: string, input: unknown, signal?: AbortSignal): Promise<Answer> {
  signal?.throwIfAborted();
  const worker = new Worker(new URL(script), { workerData: { script, input } satisfies Handed });
  try {
    const [answer] = (await once(worker, 'message', signal === undefined ? {} : { signal })) as [Answer];
    return answer;
  } finally {
    await worker.terminate();
  }
}

/** Does nothing where the file is only imported, in whichever thread. */
export async function answerAsWorker<Input, Answer>(script: string, work: (input: Input) => Answer | Promise<Answer>): Promise<void> {
  const handed = workerData as Partial<Handed> | null | undefined;
  if (handed?.script === script) parentPort?.postMessage(await work(handed.input as Input), []);
}
