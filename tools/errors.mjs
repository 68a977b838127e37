// Makes docs/errors.md from the code: every LTN_ code, who is to blame, and where it is thrown. `--check` only compares.
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { repositoryFiles, root, textOf } from './rules/files.mjs';

const page = 'docs/errors.md';
const wayOut = {
  config: 'What was configured is wrong: the message names the setting, file or field.',
  downstream: 'The caller asked for something that can’t be done: the message says what was expected.',
  peer: 'A fellow component doesn’t answer or answers wrongly: is it running? The cause has its words.',
  upstream: 'What a request was sent to failed.',
  internal: 'A bug of Lateen’s, or a machine that fails it: report it with the log around it.',
};

/** Codes with their origins and files, sorted. RPC's codes are one a gRPC status and are listed as one. */
function errorCodes() {
  const codes = new Map();
  for (const path of repositoryFiles(
    (name) => /^(apps|libs)\/[^/]+\/src\/.*\.ts$/.test(name) && !/\.(test|fixture)\.ts$/.test(name),
  )) {
    const text = textOf(path);
    for (const match of text.matchAll(/'(LTN_[A-Z0-9_]+)'/g)) {
      const around = text.slice(Math.max(0, match.index - 400), match.index + 400);
      const near = [...around.matchAll(/origin:[^,}]*?'(config|downstream|peer|upstream|internal)'/g)];
      const distance = (found) => Math.abs(found.index - Math.min(400, match.index));
      const origin = near.sort((a, b) => distance(a) - distance(b))[0]?.[1];
      const known = codes.get(match[1]) ?? { origins: new Set(), files: new Set() };
      if (origin) known.origins.add(origin);
      known.files.add(path);
      codes.set(match[1], known);
    }
  }
  return [...codes].sort(([a], [b]) => (a < b ? -1 : 1));
}

const inOrder = (texts) => [...texts].sort((a, b) => (a < b ? -1 : 1));

/** The page as it should be. */
function renderErrors() {
  const rows = errorCodes().map(([code, { origins, files }]) => {
    return `| \`${code}\` | ${inOrder(origins).join(', ') || 'by cause'} | ${inOrder(files)
      .map((file) => `\`${file}\``)
      .join(', ')} |`;
  });
  const origins = Object.entries(wayOut).map(([origin, text]) => `| ${origin} | ${text} |`);
  return `# Errors

Made by \`node tools/errors.mjs\`; a test keeps it true. What users write wrong is not here: that is a list of
violations with file, line and field. Failed gRPC calls have \`LTN_RPC_\` and the name of their status.

| origin | what to do |
|---|---|
${origins.join('\n')}

| code | origin | thrown in |
|---|---|---|
${rows.join('\n')}
`;
}

if (process.argv.includes('--check')) {
  if (textOf(page) !== renderErrors()) {
    console.error(`${page} is stale: run "node tools/errors.mjs"`);
    process.exitCode = 1;
  }
} else writeFileSync(join(root, page), renderErrors());
