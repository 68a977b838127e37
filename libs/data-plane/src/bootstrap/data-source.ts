import { readFileSync, statSync } from 'node:fs';
import { invalidConfig } from '@lateen/matching';
import type { envoy_config_core_v3_DataSource } from '@lateen/protos';
import { messageOf } from '@lateen/runtime';

/** Largest file that a data source may name. Bytes. */
const maxFileBytes = 4 * 1024 * 1024;

/**
 * Bytes of `envoy.config.core.v3.DataSource`: inline or a file, which is read now.
 * @throws LateenError LTN_CONFIG_INVALID naming `path` when there are none
 */
export function readDataSource(source: envoy_config_core_v3_DataSource, path: string): Uint8Array {
  if (source.inlineString !== undefined) return Buffer.from(source.inlineString);
  if (source.inlineBytes !== undefined) return source.inlineBytes;
  if (source.filename) {
    try {
      const { size } = statSync(source.filename);
      if (size > maxFileBytes)
        throw new Error(`${source.filename} has ${size} bytes, at most ${maxFileBytes} are read`);
      return readFileSync(source.filename);
    } catch (error) {
      throw invalidConfig(`${path}.filename`, messageOf(error));
    }
  }
  if (source.environmentVariable) throw invalidConfig(`${path}.environment_variable`, 'is not supported');
  throw invalidConfig(path, 'holds no data');
}

/** Text of a data source; `undefined` when the source is absent. @throws LateenError as `readDataSource` */
export function readText(
  source: envoy_config_core_v3_DataSource | undefined,
  path: string,
): string | undefined {
  return source && Buffer.from(readDataSource(source, path)).toString('utf8');
}
