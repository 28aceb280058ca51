/**
 * Who may import whom, as data. `docs/CONTRIBUTING.md` shows this table and a test compares the two; `rules.ts` makes
 * dependency-cruiser rules of it. Type imports count like any other: a type that points upward ties the knot as well.
 */

export interface Area {
  /** Also the folder: `src/<name>`. */
  readonly name: string;
  /** Paths under `src` that it may import besides itself. A folder ends with `/`. */
  readonly mayImport: readonly string[];
  /** Paths under `src` of which it may import types, but no value. */
  readonly mayImportTypesOf?: readonly string[];
  /** Paths under `src` that it may import with import(), where they are used. */
  readonly mayImportLazily?: readonly string[];
  /** Paths under `src` that this row does not bind. */
  readonly butNot?: readonly string[];
  /** Modules of Node that it may import; `any` when it is one of the places that touch the machine. */
  readonly node: 'any' | readonly string[];
  /** What a violation means, for the person who caused it. */
  readonly why: string;
}

const ENGINE_FACE = ['engine/ports.ts', 'engine/model/'] as const;

/** From the ground up: an area never imports one that stands further down in this list, except where its row says so. */
export const AREAS: readonly Area[] = [
  {
    name: 'kernel',
    mayImport: [],
    node: ['crypto', 'util'],
    why: 'kernel is a leaf of plain values. A helper that knows the domain lives with the area that needs it.',
  },
  {
    name: 'step-kit',
    mayImport: ['kernel/'],
    node: [],
    why: 'step-kit is all that the author of a step sees. It may stand on kernel alone, so that a step never pulls in the bot.',
  },
  {
    name: 'policy',
    mayImport: ['kernel/', 'step-kit/'],
    node: [],
    why: 'policy is pure: facts in, a decision with its reason out. Time, files and the network come in as arguments.',
  },
  {
    name: 'language',
    mayImport: ['kernel/', 'step-kit/'],
    node: [],
    why: 'language is pure: text in, a checked runbook or diagnostics out. Whoever has the file reads it and hands over the text.',
  },
  {
    name: 'engine/model',
    mayImport: ['kernel/', 'step-kit/', 'policy/', 'language/'],
    mayImportTypesOf: ['engine/ports.ts'],
    node: [],
    why: 'engine/model is pure: state is a fold over events and the next move a function of state, or replay would lie.',
  },
  {
    name: 'engine',
    mayImport: ['kernel/', 'step-kit/', 'policy/', 'language/'],
    node: [],
    why: 'The engine knows steps, journals and clocks only through engine/ports.ts. What it needs of the world becomes a port there.',
  },
  {
    name: 'incidents',
    mayImport: ['kernel/', 'step-kit/', 'policy/', 'language/', ...ENGINE_FACE],
    mayImportTypesOf: ['operations/operations.ts'],
    node: [],
    why: 'incidents turns notifications into incidents over the ports of the engine. It knows the shapes of the door, not its code.',
  },
  {
    name: 'operations',
    mayImport: ['kernel/', 'step-kit/', 'policy/', 'language/', 'engine/', 'incidents/'],
    node: [],
    why: 'operations is the one door: it authorises and appends. It knows no surface, no journal and no outside system.',
  },
  {
    name: 'journal',
    mayImport: ['kernel/', 'engine/ports.ts'],
    node: 'any',
    why: 'A journal implements the port that the engine owns. It stores events and understands none of them.',
  },
  {
    name: 'systems',
    mayImport: ['kernel/', 'step-kit/'],
    node: 'any',
    why: 'An outside system knows its own API and the step kit. It does not know who calls it.',
  },
  {
    name: 'backups',
    mayImport: ['kernel/', 'step-kit/'],
    mayImportTypesOf: ['systems/backup/client.ts', 'systems/restore/client.ts'],
    node: 'any',
    why: 'backups reads and writes the files of a backup. Servers are behind ports, which app connects to a system. What restores ask of it, and what it says of a set, has one declaration, that of the system.',
  },
  {
    name: 'drills',
    mayImport: ['kernel/', 'step-kit/', 'backups/'],
    node: 'any',
    why: 'A drill knows backups and its sandbox. The live system and the protocols come in as ports, so that it cannot reach them behind its own back.',
  },
  {
    name: 'exporter',
    mayImport: ['kernel/'],
    node: 'any',
    why: 'The exporter looks at many systems and knows none: app hands in what it asks, as ports.',
  },
  {
    name: 'surfaces',
    mayImport: ['kernel/', 'operations/', 'engine/model/views.ts'],
    mayImportTypesOf: ['policy/', 'engine/model/'],
    node: 'any',
    why: 'Surfaces change state only through operations and show only views, so that no way in goes round policy and audit.',
  },
  {
    name: 'telemetry',
    mayImport: ['kernel/', ...ENGINE_FACE],
    mayImportTypesOf: ['operations/operations.ts'],
    node: 'any',
    why: 'Logs and metrics are projections of events. Nothing reads them back, and they call nothing.',
  },
  {
    name: 'config',
    mayImport: ['kernel/', 'step-kit/', 'policy/', 'language/'],
    node: 'any',
    why: 'config reads the environment and the files once and hands out plain values. It constructs nothing.',
  },
  {
    name: 'cli',
    mayImport: ['kernel/', 'step-kit/', 'policy/', 'language/', 'operations/', 'config/', ...ENGINE_FACE],
    mayImportLazily: ['app/'],
    butNot: ['cli/demo'],
    node: 'any',
    why: 'The command line talks to a running bot, or asks app to build one. Only the demo constructs things itself.',
  },
];

/** A third-party package, or a family of them, and the only places that may import it. */
export interface PackageHome {
  readonly name: string;
  /** A regular expression over the package's name. */
  readonly packages: string;
  /** Regular expressions over paths under `src`. */
  readonly homes: readonly string[];
  readonly why: string;
}

export const PACKAGE_HOMES: readonly PackageHome[] = [
  { name: 'fastify', packages: '(fastify|@fastify/[^/]+)', homes: ['surfaces/', 'app/'], why: 'HTTP comes in through surfaces; app owns the one listener.' },
  { name: 'slack', packages: '@slack/[^/]+', homes: ['surfaces/slack/'], why: 'Slack is one surface; whoever else has something to say appends an event.' },
  { name: 'yaml', packages: 'yaml', homes: ['language/', 'config/', 'cli/'], why: 'YAML is read where a position in the file is reported: language, config and the command line.' },
  { name: 'cel', packages: '@marcbachmann/cel-js', homes: ['language/'], why: 'Expressions are the language; others hold a Template and evaluate it.' },
  { name: 're2', packages: 're2js', homes: ['language/'], why: 'Patterns from outside run on RE2, inside the language; others ask a Matcher.' },
  { name: 'undici', packages: 'undici', homes: ['systems/'], why: 'Calls to outside systems belong to the client of that system.' },
  { name: 'ioredis', packages: 'ioredis', homes: ['systems/redis/'], why: 'Redis is one outside system; its folder knows how it fails.' },
  { name: 'nats', packages: 'nats', homes: ['systems/nats/'], why: 'NATS is one outside system; its folder knows how it fails.' },
  { name: 'kubernetes', packages: '@kubernetes/client-node', homes: ['systems/kubernetes/'], why: 'Kubernetes is one outside system; its folder knows how it fails.' },
  { name: 'grpc', packages: '(@grpc/[^/]+|grpc-health-check)', homes: ['systems/grpc/'], why: 'gRPC health is one outside system; its folder knows how it fails.' },
  { name: 'croner', packages: 'croner', homes: ['drills/', 'config/'], why: 'Cron expressions say when a schedule is due, and config reads whether they are any; everything else waits by the clock.' },
  { name: 'echarts', packages: 'echarts', homes: ['drills/'], why: 'Charts are part of the evidence of a drill; no other page draws any.' },
  { name: 'prom-client', packages: 'prom-client', homes: ['telemetry/', 'exporter/', 'systems/[^/]+/exporter'], why: 'Metrics are declared in telemetry and in the exporters, so that the list of names stays in sight.' },
  { name: 'pino', packages: 'pino', homes: ['telemetry/'], why: 'Only telemetry writes logs, because only it redacts them. Others are handed a Log.' },
  { name: 'zod', packages: 'zod', homes: ['(?!kernel/)'], why: 'kernel values need no schema; schemas stand where something comes in from outside.' },
  { name: 'canonicalize', packages: 'canonicalize', homes: ['kernel/'], why: 'There is one canonical form, kernel/digest.ts, or equal plans would have different digests.' },
];
