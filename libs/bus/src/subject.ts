const token = /^[^\s.*>]+$/;

/** Is this a subject to publish on: non-empty tokens, no blanks, no wildcards? */
export function isSubject(subject: string): boolean {
  return subject.split('.').every((part) => token.test(part));
}

/** Is this a subject to subscribe to: `*` stands for one token, a last `>` for one or more? */
export function isPattern(pattern: string): boolean {
  const parts = pattern.split('.');
  return parts.every(
    (part, index) => part === '*' || (part === '>' && index === parts.length - 1) || token.test(part),
  );
}

/** Does a subscription to `pattern` hear what is published on `subject`? */
export function subjectMatches(pattern: string, subject: string): boolean {
  const wanted = pattern.split('.');
  const parts = subject.split('.');
  for (const [index, want] of wanted.entries()) {
    if (want === '>') return parts.length > index;
    if (index >= parts.length || (want !== '*' && want !== parts[index])) return false;
  }
  return wanted.length === parts.length;
}
