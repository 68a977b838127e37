import { LateenError } from '@lateen/runtime';

/** The bus was closed. */
export function closed(): LateenError {
  return new LateenError('the bus is closed', { code: 'LTN_BUS_CLOSED', origin: 'internal' });
}

/** A subject that no bus takes: a bug of the caller's. */
export function badSubject(subject: string): LateenError {
  return new LateenError(`"${subject}" is no subject`, { code: 'LTN_BUS_SUBJECT', origin: 'internal' });
}

/** The bus didn't do `what` within its retries. */
export function unavailable(what: string, cause: unknown): LateenError {
  return new LateenError(`the bus is not available: ${what}`, {
    code: 'LTN_BUS_UNAVAILABLE',
    origin: 'peer',
    retryable: true,
    cause,
  });
}
