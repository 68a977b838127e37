import { enumOf, type istio_extensions_v1alpha1_VmConfig } from '@lateen/protos';
import type { Report } from '../report.ts';
import { portProblem } from './port.ts';

const { HOST } = enumOf('istio.extensions.v1alpha1.EnvValueSource');

/** What a Wasm module is and where it comes from. */
export interface WasmModule {
  readonly url?: string | undefined;
  readonly sha256?: string | undefined;
  readonly imagePullSecret?: string | undefined;
  readonly pluginName?: string | undefined;
  readonly vmConfig?: istio_extensions_v1alpha1_VmConfig | undefined;
}

/** Reports a wrong Wasm module. Source: Istio validateWasmPluginURL, -SHA, -VMConfig. */
export function checkWasm(module: WasmModule, path: string, report: Report): void {
  const { url = '', sha256 = '' } = module;
  if (url === '') report.error(`${path}.url`, 'a url is required');
  else {
    const scheme = /^([a-z][a-z0-9+.-]*):\/\//i.exec(url)?.[1]?.toLowerCase();
    if (scheme === undefined && !/^[a-z0-9][a-z0-9.-]*(:\d+)?(\/[^\s#]*)?$/i.test(url))
      report.error(`${path}.url`, `"${url}" is neither a URL nor an image`);
    if (scheme !== undefined && !['http', 'https', 'oci', 'file'].includes(scheme))
      report.error(
        `${path}.url`,
        `the scheme "${scheme}" is not supported, expected oci, http, https or file`,
      );
  }
  if (sha256 !== '' && !/^[a-f0-9]{64}$/.test(sha256))
    report.error(`${path}.sha256`, 'expected 64 digits of lower-case hexadecimal');
  if (module.imagePullSecret?.includes('/'))
    report.error(`${path}.imagePullSecret`, 'expected the name of a Secret, without namespace');
  if ((module.pluginName?.length ?? 0) > 255)
    report.error(`${path}.pluginName`, 'the name must be shorter than 256 characters');
  const names = new Set<string>();
  for (const [index, { name = '', valueFrom = 0, value = '' }] of (module.vmConfig?.env ?? []).entries()) {
    const at = `${path}.vmConfig.env[${index}]`;
    if (name === '') report.error(at, 'the variable needs a name');
    else if (names.has(name)) report.error(`${at}.name`, `the variable "${name}" stands twice`);
    names.add(name);
    if (valueFrom === HOST && value !== '')
      report.error(`${at}.value`, 'a variable from the host takes no value');
  }
}

/** Reports wrong ports of traffic selectors. */
export function checkTrafficSelectors(
  match: readonly { ports?: readonly { number?: number | undefined }[] | undefined }[] | undefined,
  path: string,
  report: Report,
): void {
  for (const [index, { ports = [] }] of (match ?? []).entries()) {
    const seen = new Set<number>();
    for (const [at, { number = 0 }] of ports.entries()) {
      const where = `${path}[${index}].ports[${at}].number`;
      const problem = portProblem(number);
      if (problem) report.error(where, problem);
      else if (seen.has(number)) report.error(where, `the port ${number} stands twice`);
      seen.add(number);
    }
  }
}
