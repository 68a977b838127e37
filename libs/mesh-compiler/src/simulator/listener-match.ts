import type {
  envoy_config_listener_v3_Listener as Listener,
  envoy_config_listener_v3_ListenerFilterChainMatchPredicate as Predicate,
} from '@lateen/protos';
import type { CompleteCall } from './call.ts';

/** Listener that gets the connection: of the very address, of every address, else the one all is redirected to. */
export function matchListener(listeners: readonly Listener[], call: CompleteCall): Listener | undefined {
  if (call.inbound) {
    return (
      listeners.find(({ name }) => name === 'virtualInbound') ??
      listenerAt(listeners, call.address, call.port)
    );
  }
  return (
    listenerAt(listeners, call.address, call.port) ??
    listenerAt(listeners, '0.0.0.0', call.port) ??
    listeners.find(({ name }) => name === 'virtualOutbound')
  );
}

function listenerAt(listeners: readonly Listener[], address: string, port: number): Listener | undefined {
  return listeners.find(({ address: own, additionalAddresses, name }) => {
    if (name === 'virtualInbound' || name === 'virtualOutbound') return false;
    return [own, ...(additionalAddresses ?? []).map((one) => one.address)].some(
      (one) => one?.socketAddress?.address === address && one.socketAddress.portValue === port,
    );
  });
}

function holds(predicate: Predicate, port: number): boolean {
  const { orMatch, andMatch, notMatch, anyMatch, destinationPortRange: range } = predicate;
  if (orMatch) return (orMatch.rules ?? []).some((rule) => holds(rule, port));
  if (andMatch) return (andMatch.rules ?? []).every((rule) => holds(rule, port));
  if (notMatch) return !holds(notMatch, port);
  if (range) return port >= (range.start ?? 0) && port < (range.end ?? 0);
  return anyMatch ?? false;
}

/** Does the listener look into the connection's first bytes by a filter of this name? */
export function inspects(listener: Listener, filter: string, port: number): boolean {
  return (listener.listenerFilters ?? []).some(
    ({ name, filterDisabled }) => name === filter && !(filterDisabled && holds(filterDisabled, port)),
  );
}
