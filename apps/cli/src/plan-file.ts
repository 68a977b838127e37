import { readFileSync } from 'node:fs';
import { dirname, resolve } from 'node:path';
import { messageOf } from '@lateen/runtime';
import { parse } from 'yaml';
import { CommandFailure } from './surroundings.ts';
import type { WorkloadPlan, WorkloadPort } from './workload.ts';

/**
 * Reads a workloads file: `workloads: [{name, serviceAccount, namespace, labels, ports, command, environment}]`.
 * Relative paths count from the file. @throws CommandFailure naming the file and the field
 */
export function readWorkloads(file: string, workingFolder: string): WorkloadPlan[] {
  const path = resolve(workingFolder, file);
  let document: unknown;
  try {
    document = parse(readFileSync(path, 'utf8'));
  } catch (error) {
    throw new CommandFailure(`${file} can't be read: ${messageOf(error)}`);
  }
  const list = (document as { workloads?: unknown } | null)?.workloads;
  if (!Array.isArray(list)) throw new CommandFailure(`${file}: expected a list "workloads"`);
  return list.map((entry: unknown, index) => planOf(entry, `${file}: workloads[${index}]`, dirname(path)));
}

function planOf(entry: unknown, where: string, folder: string): WorkloadPlan {
  const fields = (entry ?? {}) as Record<string, unknown>;
  const fail = (field: string, expected: string): never => {
    throw new CommandFailure(`${where}.${field}: expected ${expected}`);
  };
  const text = (field: string, fallback?: string): string => {
    const value = fields[field] ?? fallback;
    return typeof value === 'string' && value !== '' ? value : fail(field, 'text');
  };
  const texts = (field: string): Record<string, string> => {
    const value = fields[field] ?? {};
    if (typeof value !== 'object' || Array.isArray(value) || value === null)
      return fail(field, 'a map of texts');
    return Object.fromEntries(Object.entries(value).map(([key, item]) => [key, String(item)]));
  };
  const command = fields.command;
  if (!Array.isArray(command) || command.length === 0)
    fail('command', 'a list: the program and its arguments');
  const ports = fields.ports ?? [];
  if (!Array.isArray(ports)) fail('ports', 'a list of port names, as http or http:9080');
  return {
    name: text('name'),
    namespace: text('namespace', 'default'),
    serviceAccount: text('serviceAccount', 'default'),
    labels: texts('labels'),
    ports: (ports as unknown[]).map((port) => parsePort(String(port))),
    command: (command as unknown[]).map(String),
    workingFolder: folder,
    environment: texts('environment'),
    outbound: new Map(),
    restart: true,
  };
}

/** Reads `NAME` or `NAME:MESH_PORT`. @throws CommandFailure */
export function parsePort(text: string): WorkloadPort {
  const match = /^([a-z][a-z0-9-]*)(?::(\d{1,5}))?$/.exec(text);
  if (!match)
    throw new CommandFailure(`port "${text}": expected NAME or NAME:PORT, as http or tcp-db:27017`, 2);
  return match[2] === undefined ? { name: match[1]! } : { name: match[1]!, meshPort: Number(match[2]) };
}

/** Reads `key=value` pairs separated by commas. @throws CommandFailure */
export function parseLabels(text: string): Record<string, string> {
  const pairs = text.split(',').filter((pair) => pair !== '');
  return Object.fromEntries(
    pairs.map((pair) => {
      const at = pair.indexOf('=');
      if (at <= 0) throw new CommandFailure(`label "${pair}": expected key=value`, 2);
      return [pair.slice(0, at), pair.slice(at + 1)];
    }),
  );
}

/** Reads `[HOST:]PORT=LOCAL_PORT` pairs. @throws CommandFailure */
export function parseOutbound(pairs: readonly string[]): Map<string, number> {
  return new Map(
    pairs.map((pair) => {
      const match = /^((?:[\w.-]+:)?\d{1,5})=(\d{1,5})$/.exec(pair);
      if (!match) throw new CommandFailure(`--outbound "${pair}": expected [HOST:]PORT=LOCAL_PORT`, 2);
      return [match[1]!, Number(match[2])];
    }),
  );
}
