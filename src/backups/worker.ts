/** Work that takes seconds of a processor, in a thread of its own: the process goes on with everything else. */
import { once } from 'node:events';
import { isMainThread, parentPort, Worker, workerData } from 'node:worker_threads';

/** `script`: a file that calls `answerAsWorker`. Rejects when it breaks off, and when `signal` says so. */
export async function runInWorker<Answer>(script: URL, input: object, signal?: AbortSignal): Promise<Answer> {
  signal?.throwIfAborted();
  const worker = new Worker(script, { workerData: input });
  try {
    const [answer] = (await once(worker, 'message', signal === undefined ? {} : { signal })) as [Answer];
    return answer;
  } finally {
    await worker.terminate();
  }
}

export async function answerAsWorker<Input, Answer>(work: (input: Input) => Answer | Promise<Answer>): Promise<void> {
  if (!isMainThread) parentPort?.postMessage(await work(workerData as Input), []);
}
