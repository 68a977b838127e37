import type { Node } from './node.ts';

/** A field that the API had and dropped, and how it is written today. */
export interface RetiredField {
  readonly successor: string;
  /** The successor's value for the old field's. */
  translate(value: Node): Node;
}

/** Fields that samples of old releases still have, by message. Source: Istio API 1.4 against today's. */
export const retiredFields: ReadonlyMap<string, ReadonlyMap<string, RetiredField>> = new Map([
  [
    'istio.networking.v1alpha3.HTTPFaultInjection.Abort',
    new Map<string, RetiredField>([
      [
        'percent',
        {
          successor: 'percentage',
          translate: (value) => ({
            kind: 'map',
            offset: value.offset,
            entries: [{ key: 'value', keyOffset: value.offset, value }],
          }),
        },
      ],
    ]),
  ],
]);

/** What to write instead of a field that is deprecated, by message and field. Source: comments of Istio's API. */
export const successors: ReadonlyMap<string, string> = new Map([
  ['istio.networking.v1alpha3.HTTPRoute.mirrorPercent', 'mirrorPercentage'],
  ['istio.networking.v1alpha3.CorsPolicy.allowOrigin', 'allowOrigins'],
  ['istio.networking.v1alpha3.HTTPFaultInjection.Delay.percent', 'percentage'],
  [
    'istio.networking.v1alpha3.OutlierDetection.consecutiveErrors',
    'consecutive5xxErrors or consecutiveGatewayErrors',
  ],
  [
    'istio.networking.v1alpha3.LoadBalancerSettings.ConsistentHashLB.minimumRingSize',
    'ringHash.minimumRingSize',
  ],
  ['istio.rbac.v1alpha1.Subject.group', 'groups'],
]);
