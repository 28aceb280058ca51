import { basename } from 'node:path';
import { describe, expect, it } from 'vitest';
import { parse, parseAllDocuments } from 'yaml';
import { z } from 'zod';
import { RIGHTS } from '#app/doctor-systems.ts';
import { parseCommandLine } from '#cli/parse.ts';
import { loadConfig } from '#config/load.ts';
import { readText } from './tree.ts';

const CONFIG_FOLDER = '/etc/runbook-bot';
const SECRETS_FOLDER = '/run/secrets/runbook-bot';

/** The file system of the container: what compose.yaml mounts, and a secret for each name below the secrets' folder. */
function loadInContainer(changed: (file: string) => string = (file) => file) {
  return loadConfig({
    env: { RUNBOOK_BOT_CONFIG: `${CONFIG_FOLDER}/runbook-bot.yaml` },
    cwd: '/app',
    readFile: (path) => {
      if (path.startsWith(`${SECRETS_FOLDER}/`)) return { ok: true, text: `a-secret-of-${basename(path)}-0123456789abcdef\n`, worldReadable: false };
      if (path.startsWith(`${CONFIG_FOLDER}/`)) return { ok: true, text: changed(readText(`deploy/${basename(path)}`)), worldReadable: false };
      return { ok: false, missing: true, because: 'it does not exist' };
    },
  });
}

const Deployment = z.object({
  spec: z.object({
    replicas: z.literal(1),
    strategy: z.object({ type: z.literal('Recreate') }),
    template: z.object({ spec: z.object({ containers: z.tuple([z.object({ volumeMounts: z.array(z.object({ mountPath: z.string() })) })]) }) }),
  }),
});
const Role = z.object({ kind: z.literal('Role'), rules: z.array(z.object({ resources: z.array(z.string()), verbs: z.array(z.string()) })) });
const CronJob = z.object({
  spec: z.object({
    jobTemplate: z.object({
      spec: z.object({
        template: z.object({ spec: z.object({ securityContext: z.object({ runAsNonRoot: z.boolean() }), containers: z.tuple([z.object({ args: z.tuple([z.string()]), volumeMounts: z.array(z.object({ mountPath: z.string(), readOnly: z.boolean().optional() })) })]) }) }),
      }),
    }),
  }),
});
const Compose = z.object({ services: z.object({ 'runbook-bot': z.object({ volumes: z.array(z.string()) }) }) });

describe('what deploy/ gives to users', () => {
  it('is a configuration with a policy that the bot accepts without a warning', () => {
    const loaded = loadInContainer();
    expect(loaded).toMatchObject({ ok: true, warnings: [], config: { http: { host: '0.0.0.0', port: 8080 }, runbooksDir: '/app/runbooks' } });
  });

  it('shows every further system of a target in a form that the bot accepts', () => {
    const loaded = loadInContainer((file) => file.replaceAll(/^ {4}# (\w+: \{|\w+: \[)/gm, '    $1'));
    expect(loaded).toMatchObject({ ok: true, config: { targets: [{ prometheus: {}, alertmanager: {}, redis: {}, nats: {}, kubernetes: { namespace: 'cordum' }, grpc: [{ name: 'safety-kernel' }], http: {} }] } });
  });

  it('gives the bot a role on Kubernetes that may what its steps do, and nothing else', () => {
    const role = parseAllDocuments(readText('deploy/kubernetes.yaml')).map((document): unknown => document.toJS()).map((document) => Role.safeParse(document)).find(({ success }) => success)?.data;
    const granted = new Set(role?.rules.flatMap(({ resources, verbs }) => resources.flatMap((resource) => verbs.map((verb) => `${verb} ${resource}`))));
    expect(RIGHTS.map(({ verb, on }) => `${verb} ${on}`).filter((right) => !granted.has(right))).toEqual([]);
    const writes = [...granted].filter((right) => !/^(?:get|list) /.test(right));
    expect(writes.toSorted()).toEqual(RIGHTS.filter(({ write }) => write).map(({ verb, on }) => `${verb} ${on}`).toSorted());
    expect([...granted].filter((right) => /exec|secrets|\*/.test(right))).toEqual([]);
  });

  it('is mounted where it is read, with Docker Compose and on Kubernetes', () => {
    const [, deployment] = parseAllDocuments(readText('deploy/kubernetes.yaml')).map((document): unknown => document.toJS());
    const mounts = Deployment.parse(deployment).spec.template.spec.containers[0].volumeMounts.map((mount) => mount.mountPath);
    expect(mounts).toEqual(expect.arrayContaining(['/data', CONFIG_FOLDER, SECRETS_FOLDER]));
    const volumes = Compose.parse(parse(readText('compose.yaml'))).services['runbook-bot'].volumes.join(' ');
    expect(volumes).toContain(`deploy/runbook-bot.yaml:${CONFIG_FOLDER}/runbook-bot.yaml`);
    expect(volumes).toContain(`deploy/policy.yaml:${CONFIG_FOLDER}/policy.yaml`);
    expect(volumes).toContain(`:${SECRETS_FOLDER}`);
    expect(readText('Dockerfile')).toContain(`RUNBOOK_BOT_CONFIG=${CONFIG_FOLDER}/runbook-bot.yaml`);
  });

  it('has a CronJob of backups whose commands the command line takes, one for each store, in a container that may write to the volume alone', () => {
    const { spec } = CronJob.parse(parse(readText('deploy/backup-cronjob.yaml')));
    const { containers, securityContext } = spec.jobTemplate.spec.template.spec;
    const [{ args: [script], volumeMounts }] = containers;
    const commands = script.split('\n').flatMap((line) => /node src\/cli\/main\.ts (.*?)( \|\| failed=1)$/.exec(line)?.[1] ?? []);
    const value = (name: string): string => new RegExp(`^${name}='(.*)'$`, 'm').exec(script)?.[1] ?? '';
    const read = commands.map((command) => parseCommandLine(command.replace('$redis', value('redis')).replace('$tls', value('tls')).split(' ').filter((word) => word !== '')));
    expect(read).toMatchObject(['redis', 'nats', 'config'].map((STORE) => ({ kind: 'command', command: { name: 'backup take' }, given: { words: { STORE }, options: { out: '/backups' } } })));
    expect(securityContext).toMatchObject({ runAsNonRoot: true });
    expect(volumeMounts.filter(({ readOnly }) => readOnly !== true).map(({ mountPath }) => mountPath)).toEqual(['/backups', '/tmp']);
  });
});
