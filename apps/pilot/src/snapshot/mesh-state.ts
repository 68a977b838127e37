import {
  createMeshModel,
  type ConfigSnapshot,
  type MeshModel,
  type MeshModelOptions,
} from '@lateen/mesh-compiler';
import { type Clock, type Logger, type Unsubscribe, WatchValue } from '@lateen/runtime';
import { joinRegistry, type RegisteredWorkloads } from '../registry/workload-registry.ts';
import { Debounce } from './debounce.ts';

/** What the mesh looks like now, as proxies are compiled from it. */
export interface MeshState {
  readonly model: MeshModel;
  readonly snapshot: ConfigSnapshot;
  /** `REVISION.N`, N counted within the run: a change of the registry alone keeps the revision. */
  readonly version: string;
  /** When the first change that is new in it arrived, monotonic milliseconds. */
  readonly changedAt: number;
}

/** What a mesh state is made with. */
export interface MeshStateOptions {
  readonly model: MeshModelOptions;
  readonly workloads: WatchValue<RegisteredWorkloads>;
  readonly debounceAfterMs: number;
  readonly debounceMaxMs: number;
  readonly clock: Clock;
  readonly logger: Logger;
}

/**
 * Joins configuration and registry, debounces their changes and keeps the newest model. A state that cannot be made
 * into a model leaves the last one in force.
 */
export class MeshStates {
  /** `undefined` until the first snapshot has come. */
  readonly current = new WatchValue<MeshState | undefined>(undefined);
  readonly #options: MeshStateOptions;
  readonly #debounce: Debounce;
  #snapshot: ConfigSnapshot | undefined;
  #changedAt: number | undefined;
  #sequence = 0;
  #unsubscribe: Unsubscribe = () => {};

  constructor(options: MeshStateOptions) {
    this.#options = options;
    this.#debounce = new Debounce({
      clock: options.clock,
      afterMs: options.debounceAfterMs,
      maxMs: options.debounceMaxMs,
      action: () => this.#rebuild(),
    });
    this.#unsubscribe = options.workloads.subscribe(() => {
      if (this.#snapshot) this.#changed();
    });
  }

  /** The configuration at a new revision. */
  take(snapshot: ConfigSnapshot): void {
    this.#snapshot = snapshot;
    this.#changed();
  }

  stop(): void {
    this.#unsubscribe();
    this.#debounce.cancel();
  }

  #changed(): void {
    this.#changedAt ??= this.#options.clock.monotonic();
    this.#debounce.trigger();
  }

  #rebuild(): void {
    const snapshot = this.#snapshot;
    if (!snapshot) return;
    const changedAt = this.#changedAt ?? this.#options.clock.monotonic();
    this.#changedAt = undefined;
    let model: MeshModel;
    try {
      model = createMeshModel(joinRegistry(snapshot, this.#options.workloads.current), this.#options.model);
    } catch (error) {
      this.#options.logger.error(
        { err: error, revision: snapshot.revision },
        'no model of this revision can be made, the last one stays in force',
      );
      return;
    }
    this.#sequence += 1;
    const version = `${snapshot.revision}.${this.#sequence}`;
    this.current.set({ model, snapshot, version, changedAt });
  }
}
