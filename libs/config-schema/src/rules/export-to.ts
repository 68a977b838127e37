import { isDnsLabel } from '../metadata.ts';
import type { ValidationContext } from '../kind.ts';

/** What may be exported decides which values may stand in `exportTo`. */
export interface ExportRules {
  /** `~`, to nobody, is for ServiceEntries. */
  readonly none?: boolean;
  /** A rule for selected workloads can't leave its namespace. */
  readonly ownNamespaceOnly?: boolean;
}

/** Reports wrong entries of `spec.exportTo`. Source: Istio validateExportTo. */
export function checkExportTo(
  exportTo: readonly string[] | undefined,
  { metadata, report }: ValidationContext,
  rules: ExportRules = {},
): void {
  if (!exportTo || exportTo.length === 0) return;
  const path = 'spec.exportTo';
  const seen = new Set<string>();
  for (const [index, entry] of exportTo.entries()) {
    const at = `${path}[${index}]`;
    if (entry === '~' && !rules.none) {
      report.error(at, '"~" (nobody) is allowed for ServiceEntry only');
      continue;
    }
    if (!['.', '*', '~'].includes(entry) && !isDnsLabel(entry))
      report.error(at, `"${entry}" is none of ".", "*" or a namespace`);
    const namespace = entry === '.' ? metadata.namespace : entry;
    if (seen.has(namespace)) report.error(at, `"${namespace}" stands twice in exportTo`);
    seen.add(namespace);
  }
  if (rules.ownNamespaceOnly) {
    if (exportTo.length > 1)
      report.error(path, 'a rule with a workload selector can have one entry in exportTo');
    else if (!seen.has(metadata.namespace))
      report.error(path, "a rule with a workload selector can't be exported beyond its namespace");
    return;
  }
  if (seen.has('*') && seen.size > 1) report.error(path, '"*" (everybody) can\'t stand beside other entries');
  if (seen.has('~') && seen.size > 1) report.error(path, '"~" (nobody) can\'t stand beside other entries');
}
