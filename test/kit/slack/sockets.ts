/** Slack's end of Socket Mode, as far as a test needs it: a WebSocket server that says hello, sends requests and sees acknowledgements. */
import { createHash } from 'node:crypto';
import type { Server } from 'node:http';
import type { Duplex } from 'node:stream';

const GUID = '258EAFA5-E914-47DA-95CA-C5AB0DC85B11';

export interface FakeSockets {
  /** Connections that stand now, oldest first. */
  readonly open: Duplex[];
  /** `envelope_id`s that were acknowledged. */
  readonly acked: string[];
  /** How many connections there have ever been. */
  dialled(): number;
  /** Sends to the newest connection that stands. */
  send(message: Readonly<Record<string, unknown>>, to?: Duplex): void;
  closeAll(): void;
}

export function attachSockets(server: Server): FakeSockets {
  const open: Duplex[] = [];
  const acked: string[] = [];
  let dialled = 0;

  server.on('upgrade', (request, socket) => {
    dialled += 1;
    const accept = createHash('sha1').update(`${request.headers['sec-websocket-key'] ?? ''}${GUID}`).digest('base64');
    socket.write(`HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Accept: ${accept}\r\n\r\n`);
    open.push(socket);
    const gone = (): void => {
      if (open.includes(socket)) open.splice(open.indexOf(socket), 1);
    };
    let pending = Buffer.alloc(0);
    socket.on('data', (chunk: Buffer) => {
      pending = Buffer.concat([pending, chunk]);
      for (let frame = readFrame(pending); frame !== undefined; frame = readFrame(pending)) {
        pending = pending.subarray(frame.length);
        if (frame.opcode === 8) {
          gone();
          socket.end(frameOf(8, frame.payload));
        } else if (frame.opcode === 9) socket.write(frameOf(10, frame.payload));
        else if (frame.opcode === 1) acked.push(String((JSON.parse(frame.payload.toString()) as { envelope_id: unknown }).envelope_id));
      }
    });
    socket.on('close', gone);
    socket.on('error', gone);
    socket.write(frameOf(1, Buffer.from(JSON.stringify({ type: 'hello', num_connections: open.length }))));
  });

  return {
    open,
    acked,
    dialled: () => dialled,
    send: (message, to = open.at(-1)) => void to?.write(frameOf(1, Buffer.from(JSON.stringify(message)))),
    closeAll: () => open.slice().forEach((socket) => socket.destroy()),
  };
}

/** A client's frame: always masked, here never longer than 64 KB. */
function readFrame(data: Buffer): { opcode: number; payload: Buffer; length: number } | undefined {
  if (data.length < 6) return undefined;
  const short = data.readUInt8(1) & 127;
  const headEnd = short === 126 ? 4 : 2;
  const size = short === 126 ? data.readUInt16BE(2) : short;
  const length = headEnd + 4 + size;
  if (data.length < length) return undefined;
  const mask = data.subarray(headEnd, headEnd + 4);
  const payload = Buffer.from(data.subarray(headEnd + 4, length).map((byte, at) => byte ^ (mask[at % 4] ?? 0)));
  return { opcode: data.readUInt8(0) & 15, payload, length };
}

function frameOf(opcode: number, payload: Buffer): Buffer {
  const head = payload.length < 126 ? Buffer.from([128 | opcode, payload.length]) : Buffer.from([128 | opcode, 126, payload.length >> 8, payload.length & 255]);
  return Buffer.concat([head, payload]);
}
