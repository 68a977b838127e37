import { attribute, type MutableBag } from '@lateen/attributes';
import { durationOf, timestampOf } from '@lateen/protos';
import { addDestination, addPeerAttributes } from './http-attributes.ts';

/** What a proxy knows of a TCP connection when it is accepted. */
export interface TcpConnectionFacts {
  /** Unique text of the connection. */
  readonly connectionId: string;
  readonly sourceIp?: Uint8Array | undefined;
  readonly mutualTls: boolean;
  readonly requestedServerName?: string | undefined;
  readonly peerPrincipal?: string | undefined;
  readonly localPrincipal?: string | undefined;
  /** Epoch milliseconds. */
  readonly timeMs: number;
}

/** Adds what the connection says. Source: istio/proxy `control/tcp/attributes_builder.cc`. */
export function addConnectionAttributes(bag: MutableBag, facts: TcpConnectionFacts): void {
  if (facts.sourceIp) {
    bag.set('source.ip', attribute.bytes(facts.sourceIp));
    bag.set('origin.ip', attribute.bytes(facts.sourceIp));
  }
  bag.set('context.protocol', attribute.string('tcp'));
  bag.set('context.time', attribute.timestamp(timestampOf(facts.timeMs)));
  bag.set('connection.id', attribute.string(facts.connectionId));
  bag.set('connection.mtls', attribute.bool(facts.mutualTls));
  if (facts.requestedServerName) {
    bag.set('connection.requested_server_name', attribute.string(facts.requestedServerName));
  }
  addPeerAttributes(bag, facts.peerPrincipal, facts.localPrincipal);
}

/** Bytes that went through a connection so far. */
export interface TcpProgress {
  readonly receivedBytes: number;
  readonly sentBytes: number;
}

/** What a report about a TCP connection says: at its start, each interval, and at its end. */
export interface TcpReportFacts extends TcpProgress {
  readonly event: 'open' | 'continue' | 'close';
  /** Totals of the report before; zeros for the first. */
  readonly previous: TcpProgress;
  /** Epoch milliseconds. */
  readonly timeMs: number;
  /** Age of the connection, told when it ends. Milliseconds. */
  readonly durationMs: number;
  readonly destinationIp?: Uint8Array | undefined;
  readonly destinationPort?: number | undefined;
}

/** Adds what happened on the connection since the report before, with the totals. */
export function addTcpReportAttributes(bag: MutableBag, facts: TcpReportFacts): void {
  bag.set('connection.event', attribute.string(facts.event));
  bag.set('connection.received.bytes', attribute.int64(facts.receivedBytes - facts.previous.receivedBytes));
  bag.set('connection.received.bytes_total', attribute.int64(facts.receivedBytes));
  bag.set('connection.sent.bytes', attribute.int64(facts.sentBytes - facts.previous.sentBytes));
  bag.set('connection.sent.bytes_total', attribute.int64(facts.sentBytes));
  bag.set('context.time', attribute.timestamp(timestampOf(facts.timeMs)));
  if (facts.event === 'close')
    bag.set('connection.duration', attribute.duration(durationOf(facts.durationMs)));
  addDestination(bag, facts.destinationIp, facts.destinationPort);
}
