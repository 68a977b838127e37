import type { Step } from './follow.ts';

/** The page docs/a-request.md. */
export function renderPage(steps: readonly Step[]): string {
  const sections = steps.map(({ title, text, evidence }, index) => {
    return `## ${index + 1}. ${title}\n${text}\n\n\`\`\`\n${evidence.join('\n')}\n\`\`\`\n`;
  });
  return `# One request, followed

Made by \`npm run a-request\`: a mesh with Bookinfo, one request from productpage (service A) to details (service B), and
what each component said of it. Random names, ports and times are cut out.

${sections.join('\n')}`;
}
