import { LateenError } from '@lateen/runtime';
import type { AnswerViolation } from './answer.ts';

/** An API server's refusal, or its silence. */
export class KubeError extends LateenError {
  /** HTTP status; 0 when there was no answer. */
  readonly status: number;
  /** What is wrong with the documents that were sent. */
  readonly violations: readonly AnswerViolation[];

  constructor(
    message: string,
    options: { status: number; violations?: readonly AnswerViolation[]; cause?: unknown },
  ) {
    const { status } = options;
    const code =
      status === 0 ? 'LTN_KUBE_UNREACHABLE' : status === 410 ? 'LTN_KUBE_EXPIRED' : 'LTN_KUBE_REFUSED';
    super(message, {
      code,
      origin: status === 0 || status >= 500 ? 'peer' : 'downstream',
      retryable: status === 0 || status >= 500,
      cause: options.cause,
    });
    this.status = status;
    this.violations = options.violations ?? [];
  }
}
