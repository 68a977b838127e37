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
