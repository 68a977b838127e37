import type { MeshModel } from './model/mesh-model.ts';
import type { Protocol } from './model/protocol.ts';

/** A service as debug pages show it. */
export interface ServiceSummary {
  readonly host: string;
  readonly namespace: string;
  readonly addresses: readonly string[];
  readonly ports: readonly {
    readonly name: string;
    readonly number: number;
    readonly protocol: Protocol;
    readonly endpoints: readonly string[];
  }[];
}

/** Services of a model with the `address:port` of their endpoints. */
export function serviceList(model: MeshModel): ServiceSummary[] {
  return model.services.map((service) => ({
    host: service.host,
    namespace: service.namespace,
    addresses: service.addresses,
    ports: service.ports.map((port) => ({
      name: port.name,
      number: port.number,
      protocol: port.protocol,
      endpoints: model
        .endpoints(service, port)
        .map(({ address, port: number }) => (number ? `${address}:${number}` : address)),
    })),
  }));
}
