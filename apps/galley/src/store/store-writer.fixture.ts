// A child process of the store's contract test: writes transaction after transaction and prints the revision of each
// one that was acknowledged, until it is killed.
import { connectNats } from '@lateen/bus';
import { silentLogger, systemClock } from '@lateen/runtime';
import { createJournalStore } from './journal-store.ts';
import { createSqliteStore } from './sqlite-store.ts';

const [, , kind, place, name] = process.argv;
const surroundings = { clock: systemClock, logger: silentLogger };

async function openStore() {
  if (kind === 'sqlite') return createSqliteStore({ path: place!, history: 5 });
  const bus = await connectNats({
    servers: [place!],
    component: 'writer',
    random: Math.random,
    ...surroundings,
  });
  return createJournalStore({ journal: await bus.journal(name!), history: 5, ...surroundings });
}

const store = await openStore();
let { revision } = await store.open(() => {});
for (;;) {
  const next = revision + 1;
  const change = (key: string) => ({ type: '/Test', key, action: 'created' as const, body: String(next) });
  const result = await store.commit([change(`a/${next}-1`), change(`a/${next}-2`)], revision);
  if (result.kind !== 'committed') throw new Error('nobody else writes here');
  revision = result.revision;
  // Written at once: what a killed process has not printed it has not acknowledged.
  process.stdout.write(`${revision}\n`);
}
