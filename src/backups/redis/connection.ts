/** One connection to one server: not to a cluster, whose nodes are read one by one. The Redis folder of `systems` opens it. */
export interface RedisConnection {
  /** Rejects with an Error when the server refuses, or cannot be reached. */
  call(command: string, ...args: readonly (string | number | Buffer)[]): Promise<unknown>;
  /** As `call`, with answers as bytes. */
  callBuffer(command: string, ...args: readonly (string | number | Buffer)[]): Promise<unknown>;
  close(): Promise<void>;
}
