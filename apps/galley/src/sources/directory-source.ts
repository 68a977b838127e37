import { type FSWatcher, watch } from 'node:fs';
import { resolve, sep } from 'node:path';
import { formatViolation, type Violation } from '@lateen/config-schema';
import { type Clock, type Component, type Logger, messageOf, type Timer, WatchMap } from '@lateen/runtime';
import type { Catalog } from '../store/catalog.ts';
import { readConfigFile, scanBounds, type ScannedFile, scanDirectory } from './directory-scan.ts';
import { acceptFile, owners, removeFile } from './file-acceptance.ts';

/** What watching directories needs. */
export interface DirectorySourceOptions {
  readonly directories: readonly string[];
  readonly catalog: Catalog;
  readonly clock: Clock;
  readonly logger: Logger;
  /** Looks at every file at least this often: `fs.watch` misses changes on some file systems. Milliseconds. */
  readonly pollMs?: number;
  /** A changed file is read when it has rested for this long, so that a half-written one isn't. Milliseconds. */
  readonly debounceMs?: number;
}

/** What was last made of a file. */
interface Known {
  fingerprint: string;
  digest: string;
  /** Revision at which it was refused: what others declared since may let it pass. */
  refusedAt: number | undefined;
}

/** A source that runs. `problems` has each refused file with its violations. */
export interface DirectorySource extends Component {
  readonly problems: WatchMap<string, readonly Violation[]>;
}

/**
 * Keeps the store at what the files of some directories say. One file is one unit of acceptance: an invalid file is
 * reported and keeps its last good objects, others are unaffected; a deleted file takes its objects along.
 */
export function createDirectorySource(options: DirectorySourceOptions): DirectorySource {
  const { catalog, clock, logger } = options;
  const directories = options.directories.map((directory) => resolve(directory));
  const pollMs = options.pollMs ?? 1000;
  const debounceMs = options.debounceMs ?? 100;
  const problems = new WatchMap<string, readonly Violation[]>();
  const known = new Map<string, Known>();
  /** Changed files that must rest first, with the fingerprint of the last look. */
  const resting = new Map<string, string>();
  const watchers: FSWatcher[] = [];
  let timer: Timer | undefined;
  let timerAt = Number.POSITIVE_INFINITY;
  let scanning: Promise<void> | undefined;
  let stopped = false;

  const wakeIn = (delayMs: number): void => {
    const at = clock.monotonic() + delayMs;
    if (stopped || at >= timerAt) return;
    timer?.cancel();
    timerAt = at;
    timer = clock.after(delayMs, () => {
      timerAt = Number.POSITIVE_INFINITY;
      scanning = (scanning ?? Promise.resolve())
        .then(() => scan(false))
        .catch((error: unknown) => logger.error({ err: error }, 'the watched directories cannot be read'))
        .then(() => wakeIn(resting.size > 0 ? debounceMs : pollMs));
    });
  };

  const refuse = (path: string, violations: readonly Violation[]): void => {
    problems.set(path, violations);
    const lines = violations.map(formatViolation);
    logger.error({ file: path, violations: lines }, 'a config file is refused, its last good objects stay');
  };

  const take = async (file: ScannedFile): Promise<void> => {
    const { path, fingerprint } = file;
    const before = known.get(path);
    if (file.size > scanBounds.fileBytes) {
      known.set(path, { fingerprint, digest: '', refusedAt: undefined });
      const message = `the file is larger than ${scanBounds.fileBytes / 1024 / 1024} MiB`;
      return refuse(path, [
        { path: '', message, severity: 'error', position: { file: path, line: 1, column: 1 } },
      ]);
    }
    let content: Awaited<ReturnType<typeof readConfigFile>>;
    try {
      content = await readConfigFile(path);
    } catch (error) {
      known.set(path, { fingerprint, digest: '', refusedAt: undefined });
      return refuse(path, [
        { path: '', message: `the file cannot be read: ${messageOf(error)}`, severity: 'error' },
      ]);
    }
    if (!content) return;
    const sameText = before?.digest === content.digest;
    known.set(path, { fingerprint, digest: content.digest, refusedAt: before?.refusedAt });
    if (sameText && before.refusedAt === undefined) return;
    const outcome = await acceptFile(catalog, { path, text: content.text, nowMs: clock.now() });
    const refusedAt = outcome.kind === 'refused' ? catalog.revision : undefined;
    known.set(path, { fingerprint, digest: content.digest, refusedAt });
    if (outcome.kind === 'refused') {
      // A retry that fails for the same reasons is no news.
      if (!sameText || !problems.entries.has(path)) refuse(path, outcome.violations);
      return;
    }
    problems.delete(path);
    const { revision, objects } = outcome;
    const warnings = outcome.warnings.map(formatViolation);
    logger.info(
      { file: path, revision, objects, ...(warnings.length > 0 ? { warnings } : {}) },
      'a config file is applied',
    );
  };

  /** Is it time to read this file? New ones at the start are read at once. */
  const isDue = (file: ScannedFile, first: boolean): boolean => {
    const before = known.get(file.path);
    if (before?.fingerprint === file.fingerprint) {
      resting.delete(file.path);
      return before.refusedAt !== undefined && before.refusedAt !== catalog.revision;
    }
    if (first || resting.get(file.path) === file.fingerprint) {
      resting.delete(file.path);
      return true;
    }
    resting.set(file.path, file.fingerprint);
    return false;
  };

  const scan = async (first: boolean): Promise<void> => {
    const files = (await Promise.all(directories.map(scanDirectory))).flat();
    const present = new Set(files.map((file) => file.path));
    // Deletions first: an object may have moved from one file to another.
    const inside = (path: string): boolean =>
      directories.some((directory) => path.startsWith(directory + sep));
    for (const path of new Set([...known.keys(), ...owners(catalog)])) {
      if (present.has(path) || !inside(path)) continue;
      const objects = await removeFile(catalog, path);
      known.delete(path);
      resting.delete(path);
      problems.delete(path);
      if (objects > 0) logger.info({ file: path, objects }, 'a config file is gone, its objects are removed');
    }
    for (const file of files) {
      if (stopped) return;
      if (!isDue(file, first)) continue;
      try {
        await take(file);
      } catch (error) {
        // An unreadable file or a store that doesn't answer: the next look tries again.
        known.delete(file.path);
        logger.error(
          { err: error, file: file.path },
          `a config file could not be applied: ${messageOf(error)}`,
        );
      }
    }
  };

  return {
    name: 'directory-source',
    problems,
    async start() {
      await scan(true);
      // A file may have been refused for what a later one declares; it is tried again once that is there.
      for (
        let round = 0, seen = -1;
        round < 5 && problems.entries.size > 0 && seen !== catalog.revision;
        round += 1
      ) {
        seen = catalog.revision;
        await scan(true);
      }
      for (const directory of directories) {
        try {
          const watcher = watch(directory, { recursive: true }, () => wakeIn(debounceMs / 2));
          watcher.on('error', (error) =>
            logger.warn({ err: error, directory }, 'watching failed, polling goes on'),
          );
          watchers.push(watcher);
        } catch (error) {
          logger.warn({ err: error, directory }, 'the directory cannot be watched, it is polled');
        }
      }
      wakeIn(pollMs);
    },
    async stop() {
      stopped = true;
      timer?.cancel();
      for (const watcher of watchers.splice(0)) watcher.close();
      await scanning;
    },
  };
}
