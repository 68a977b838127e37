import { readFileSync, writeFileSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { stringify } from 'yaml';
import { connectMesh } from '../connection.ts';
import type { CommandContext } from '../program.ts';
import { CommandFailure } from '../surroundings.ts';

/** Adds `lateen kubeconfig`. */
export function addKubeconfig({ program, surroundings, action }: CommandContext): void {
  program
    .command('kubeconfig')
    .description('write a kubeconfig for galley, so that kubectl works against it')
    .option('--file <path>', 'file to write (default: standard output)')
    .option('-n, --namespace <name>', 'namespace that kubectl uses by default', 'default')
    .action(
      action(async (options: { file?: string; namespace: string }) => {
        const mesh = connectMesh(surroundings, program.opts<{ stateDir?: string }>().stateDir);
        const text = stringify(
          kubeconfig(mesh.file.galleyApi, options.namespace, mesh.adminToken, authorityOf(mesh.stateFolder)),
        );
        if (options.file === undefined) surroundings.out(text);
        else writeFileSync(resolve(surroundings.workingFolder, options.file), text, { mode: 0o600 });
        return 0;
      }),
    );
}

/** The authority that galley's serving certificate chains to; kubectl sends tokens over TLS alone. */
function authorityOf(stateFolder: string): string {
  const file = join(stateFolder, 'api-ca.pem');
  try {
    return readFileSync(file, 'utf8');
  } catch {
    throw new CommandFailure(`${file} is missing: galley writes it when it starts; is the mesh up?`);
  }
}

function kubeconfig(galleyApi: string, namespace: string, token: string, authority: string): object {
  const name = 'lateen';
  const server = galleyApi.replace(/^http:/, 'https:');
  return {
    apiVersion: 'v1',
    kind: 'Config',
    'current-context': name,
    clusters: [
      { name, cluster: { server, 'certificate-authority-data': Buffer.from(authority).toString('base64') } },
    ],
    users: [{ name, user: { token } }],
    contexts: [{ name, context: { cluster: name, user: name, namespace } }],
  };
}
