/** The limit that the webhook is measured against: bare `node:http` and `node:sqlite`, which store the body as it came and answer 200. */
import { createServer, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { DatabaseSync } from 'node:sqlite';
import { inputOf, tellResult } from '../kit/process.ts';

const { file, commits } = inputOf<{ readonly file: string; readonly commits: 'one-each' | 'shared' }>();
const db = new DatabaseSync(file);
db.exec('PRAGMA journal_mode = WAL; PRAGMA synchronous = FULL; CREATE TABLE bodies (id INTEGER PRIMARY KEY, body TEXT NOT NULL) STRICT');
const insert = db.prepare('INSERT INTO bodies (body) VALUES (?)');
const begin = db.prepare('BEGIN IMMEDIATE');
const commit = db.prepare('COMMIT');
let queue: { readonly body: string; readonly response: ServerResponse }[] = [];

function answer(response: ServerResponse): void {
  response.writeHead(200, { 'content-type': 'application/json' }).end('{"accepted":3}');
}

function flush(): void {
  const batch = queue;
  queue = [];
  begin.run();
  for (const { body } of batch) insert.run(body);
  commit.run();
  for (const { response } of batch) answer(response);
}

function store(body: string, response: ServerResponse): void {
  // Both limits read the body as JSON: storing what cannot be read would be no intake.
  JSON.parse(body);
  if (commits === 'one-each') {
    insert.run(body);
    return answer(response);
  }
  if (queue.push({ body, response }) === 1) setImmediate(flush);
}

const server = createServer((request, response) => {
  const chunks: Buffer[] = [];
  request.on('data', (chunk: Buffer) => chunks.push(chunk));
  request.on('end', () => store(Buffer.concat(chunks).toString(), response));
});
server.listen(0, '127.0.0.1', () => tellResult({ url: `http://127.0.0.1:${(server.address() as AddressInfo).port}` }));
process.once('SIGTERM', () => process.exit(0));
