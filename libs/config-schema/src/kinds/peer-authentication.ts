import type { istio_security_v1beta1_PeerAuthentication } from '@lateen/protos';
import { defineKind, type ValidationContext } from '../kind.ts';
import { keySegment } from '../node.ts';
import { portProblem } from '../rules/port.ts';
import { checkSelectorLabels } from '../rules/selector.ts';

function validate(spec: istio_security_v1beta1_PeerAuthentication, { report }: ValidationContext): void {
  if (spec.selector) checkSelectorLabels(spec.selector.matchLabels, 'spec.selector', report);
  if (!Object.hasOwn(spec, 'portLevelMtls')) return;
  const ports = Object.keys(spec.portLevelMtls ?? {});
  if (ports.length === 0) report.error('spec.portLevelMtls', 'portLevelMtls needs at least one port');
  if (ports.length > 0 && Object.keys(spec.selector?.matchLabels ?? {}).length === 0) {
    report.error(
      'spec.portLevelMtls',
      'portLevelMtls counts the ports of selected workloads, and a policy of a namespace or the mesh selects none',
      'add a selector',
    );
  }
  for (const port of ports) {
    const problem = portProblem(Number(port));
    if (problem) report.error(`spec.portLevelMtls${keySegment(port)}`, problem);
  }
}

/** Which mTLS a workload's server side wants. Source: Istio security/v1beta1/peer_authentication.proto. */
export const peerAuthentication = defineKind({
  group: 'security.istio.io',
  versions: ['v1', 'v1beta1'],
  kind: 'PeerAuthentication',
  shortNames: ['pa'],
  collection: 'istio/security/v1beta1/peerauthentications',
  message: 'istio.security.v1beta1.PeerAuthentication',
  validate,
});
