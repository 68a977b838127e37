export {
  type Bus,
  type MessageHandler,
  type RequestHandler,
  type RequestOptions,
  type Subscription,
} from './bus.ts';
export { type AppendOptions, type AppendResult, type Journal, type JournalRecord } from './journal.ts';
export {
  type KeyValue,
  type KeyValueChange,
  type KeyValueEntry,
  type WriteOptions,
  type WriteResult,
} from './key-value.ts';
export { createMemoryBus, type MemoryBusOptions } from './memory/memory-bus.ts';
export { connectNats, type NatsBusOptions } from './nats/nats-bus.ts';
export { readNatsPassword } from './nats/nats-password.ts';
export { buckets, journals, type RolloutNack, type RolloutStatus, subjects } from './subjects.ts';
