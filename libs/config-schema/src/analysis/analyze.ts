import type { ConfigObject } from '../object.ts';
import { analyzeConflictingGateways } from './conflicting-gateways.ts';
import { analyzeDelegates } from './delegate.ts';
import { analyzeDestinations } from './destination.ts';
import { type Finding, Findings, type Locate } from './finding.ts';
import { analyzeGatewayReferences } from './gateway-reference.ts';
import { analyzeMeshHosts } from './mesh-host.ts';
import { AnalysisModel } from './model.ts';

/** What an analysis needs to know beside the objects. */
export interface AnalyzeOptions {
  /** Domain of service names. Default `cluster.local`. */
  readonly domain?: string;
  /** Finds the place of a field; without it findings have the place of their object. See `Decoded.locate`. */
  readonly locate?: Locate;
}

/** Every analyzer, in the order of its findings. */
const analyzers = [
  analyzeDestinations,
  analyzeGatewayReferences,
  analyzeConflictingGateways,
  analyzeMeshHosts,
  analyzeDelegates,
] as const;

/** What is wrong between objects that are right by themselves. The set is the whole configuration as it would be stored. */
export function analyze(objects: readonly ConfigObject[], options: AnalyzeOptions = {}): readonly Finding[] {
  const { domain = 'cluster.local', locate = () => undefined } = options;
  const model = new AnalysisModel(objects, domain);
  const findings = new Findings(locate);
  for (const analyzer of analyzers) analyzer(model, findings);
  return findings.list;
}
