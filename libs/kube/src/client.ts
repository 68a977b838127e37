import { Backoff, type Clock, messageOf, type Random, sleep } from '@lateen/runtime';
import type { AnswerViolation, Applied, ApplyFile, KubeObject, Rollout, WatchEvent } from './answer.ts';
import { KubeError } from './error.ts';
import { type ResourceType, resourcePath } from './resource-path.ts';

/** Which API server, and as whom. */
export interface KubeClientOptions {
  /** `http://HOST:PORT` without a path. */
  readonly baseUrl: string;
  readonly token: string;
  readonly clock: Clock;
  readonly random: Random;
  /** Longest wait for an answer, watches and roll-outs apart. Milliseconds. */
  readonly timeoutMs?: number;
}

/** A list with the revision that it shows. */
export interface KubeList {
  readonly resourceVersion: string;
  readonly items: readonly KubeObject[];
}

/** Longest line of a watch stream: an object can't be larger. Characters. */
const maxEventLength = 4 * 1024 * 1024;

/** Client of a Kubernetes-style API server: galley's, or another one for the Kubernetes part. */
export class KubeClient {
  readonly #options: KubeClientOptions;

  constructor(options: KubeClientOptions) {
    this.#options = options;
  }

  /** Objects of a type in a namespace, or in all. @throws KubeError */
  async list(type: ResourceType, namespace?: string): Promise<KubeList> {
    const answer = await this.#json('GET', resourcePath(type, namespace));
    const list = answer as { metadata?: { resourceVersion?: string }; items?: KubeObject[] };
    return { resourceVersion: list.metadata?.resourceVersion ?? '0', items: list.items ?? [] };
  }

  /** One object; `undefined` when there is none of that name. @throws KubeError */
  async get(type: ResourceType, namespace: string, name: string): Promise<KubeObject | undefined> {
    try {
      return (await this.#json('GET', resourcePath(type, namespace, name))) as KubeObject;
    } catch (error) {
      if (error instanceof KubeError && error.status === 404) return undefined;
      throw error;
    }
  }

  /** Stores a new object and answers it as stored. @throws KubeError with status 409 when it is there already */
  async create(type: ResourceType, namespace: string, object: KubeObject): Promise<KubeObject> {
    return (await this.#json('POST', resourcePath(type, namespace), object)) as KubeObject;
  }

  /**
   * Replaces an object and answers it as stored. @throws KubeError with status 404 when it isn't there, with 409 when
   * `metadata.resourceVersion` is given and another write came between
   */
  async replace(type: ResourceType, namespace: string, object: KubeObject): Promise<KubeObject> {
    return (await this.#json(
      'PUT',
      resourcePath(type, namespace, object.metadata.name),
      object,
    )) as KubeObject;
  }

  /** Deletes an object. Answers the revision without it, or `undefined` when it wasn't there. @throws KubeError */
  async delete(type: ResourceType, namespace: string, name: string): Promise<number | undefined> {
    try {
      const answer = await this.#json('DELETE', resourcePath(type, namespace, name));
      const { metadata } = answer as { metadata?: { resourceVersion?: string } };
      return Number(metadata?.resourceVersion ?? 0);
    } catch (error) {
      if (error instanceof KubeError && error.status === 404) return undefined;
      throw error;
    }
  }

  /**
   * Stores YAML or JSON documents of one or more files as one transaction of galley's. @throws KubeError, with
   * `violations` when a document is invalid: then nothing of any file is stored.
   */
  async apply(
    files: readonly ApplyFile[],
    options: { dryRun?: boolean; namespace?: string } = {},
  ): Promise<Applied> {
    return (await this.#json('POST', '/apis/lateen.io/v1/apply', { files, ...options })) as Applied;
  }

  /** Waits until every connected proxy acknowledged `revision`, at most `timeoutMs`. @throws KubeError */
  async rollout(revision: number, timeoutMs: number): Promise<Rollout> {
    const path = `/apis/lateen.io/v1/rollout?revision=${revision}&timeoutMs=${Math.round(timeoutMs)}`;
    return (await this.#json('GET', path, undefined, timeoutMs + 5000)) as Rollout;
  }

  /**
   * Changes of a type after `resourceVersion`, without end: lost connections are made again from where they broke.
   * @throws KubeError with status 410 when that revision is no longer known: list again.
   */
  async *watch(
    type: ResourceType,
    options: { namespace?: string; resourceVersion: string; signal: AbortSignal },
  ): AsyncGenerator<WatchEvent> {
    const { clock, random } = this.#options;
    const backoff = new Backoff({ baseMs: 100, maxMs: 5000, random });
    let { resourceVersion } = options;
    while (!options.signal.aborted) {
      try {
        const path = `${resourcePath(type, options.namespace)}?watch=1&allowWatchBookmarks=true&resourceVersion=${resourceVersion}`;
        const response = await this.#send('GET', path, undefined, options.signal);
        if (!response.ok) throw await refusal(response);
        for await (const line of linesOf(response)) {
          const event = JSON.parse(line) as
            | WatchEvent
            | { type: 'ERROR'; object: { code?: number; message?: string } };
          if (event.type === 'ERROR') {
            throw new KubeError(event.object.message ?? 'the watch failed', {
              status: event.object.code ?? 500,
            });
          }
          backoff.reset();
          resourceVersion = event.object.metadata.resourceVersion ?? resourceVersion;
          yield event;
        }
      } catch (error) {
        if (options.signal.aborted) return;
        if (error instanceof KubeError && !error.retryable) throw error;
      }
      await sleep(clock, backoff.next(), options.signal);
    }
  }

  async #json(
    method: string,
    path: string,
    body?: unknown,
    timeoutMs = this.#options.timeoutMs ?? 10_000,
  ): Promise<unknown> {
    const response = await this.#send(method, path, body, AbortSignal.timeout(timeoutMs));
    if (!response.ok) throw await refusal(response);
    return response.json();
  }

  async #send(method: string, path: string, body: unknown, signal: AbortSignal): Promise<Response> {
    const headers: Record<string, string> = {
      authorization: `Bearer ${this.#options.token}`,
      accept: 'application/json',
    };
    if (body !== undefined) headers['content-type'] = 'application/json';
    const init = { method, headers, signal, ...(body === undefined ? {} : { body: JSON.stringify(body) }) };
    try {
      return await fetch(`${this.#options.baseUrl}${path}`, init);
    } catch (error) {
      const cause = error instanceof Error && error.cause ? messageOf(error.cause) : messageOf(error);
      throw new KubeError(`${this.#options.baseUrl} doesn't answer (${cause})`, { status: 0, cause: error });
    }
  }
}

async function refusal(response: Response): Promise<KubeError> {
  let answer: { message?: string; violations?: AnswerViolation[] } = {};
  try {
    answer = (await response.json()) as typeof answer;
  } catch {
    // an answer that isn't ours has its status alone
  }
  const first = answer.violations?.find(({ severity }) => severity === 'error');
  const told = answer.message ?? (first ? `${first.path}: ${first.message}` : undefined);
  return new KubeError(told ?? `the server answers ${response.status}`, {
    status: response.status,
    violations: answer.violations ?? [],
  });
}

async function* linesOf(response: Response): AsyncGenerator<string> {
  let rest = '';
  if (!response.body) return;
  for await (const chunk of response.body.pipeThrough(new TextDecoderStream())) {
    rest += chunk;
    for (let end = rest.indexOf('\n'); end >= 0; end = rest.indexOf('\n')) {
      if (end > 0) yield rest.slice(0, end);
      rest = rest.slice(end + 1);
    }
    if (rest.length > maxEventLength) throw new KubeError('a watch event is too long', { status: 500 });
  }
}
