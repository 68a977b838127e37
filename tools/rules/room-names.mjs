import { repositoryFiles } from './files.mjs';

const refused = /(^|\/)(utils?|helpers?|common|misc|shared)(\/|\.\w+$)/i;
const topLevel =
  /^(apps|libs|deploy|tools|e2e|docs|\.[^/]+)\/|^(\.[^/]+|[A-Z]+(\.md)?|(nx|package|package-lock|tsconfig\.base)\.json)$/;

/** Rooms and files are named for what lives in them, in kebab case; nothing strays to the top level. */
export function check() {
  const problems = [];
  for (const path of repositoryFiles(() => true)) {
    // Packages of other people's .proto files are named by them.
    if (refused.test(path) && !path.endsWith('.proto'))
      problems.push(`${path}: a dumping room by its name; name it for what lives there`);
    if (!topLevel.test(path)) problems.push(`${path}: not one of the top level's rooms`);
    const name = path.split('/').at(-1);
    if (/\.tsx?$/.test(path) && /[A-Z_]/.test(name)) problems.push(`${path}: file names are kebab-case`);
  }
  return problems;
}
