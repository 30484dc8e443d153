// Messages quote foreign text, so both patterns are linear on all of it: only the last character of a scheme is looked
// at, and what follows a match's beginning stops before another match could begin.
const CREDENTIALS_IN_URL = /([a-z0-9+.-]:\/\/)[^\s/@]+@/gi;
const SECRET_IN_QUERY =
  /([?&;\s](?:password|passwd|pwd|secret|token|api[-_]?key|access[-_]?key|auth)=)[^&\s;]+/gi;

/** Hides what must not be read: the user part of URLs, and values of parameters whose name says secret. */
export function redact(text: string): string {
  // Both patterns need one of these characters; most texts have none.
  if (!text.includes("@") && !text.includes("=")) return text;
  return text.replace(CREDENTIALS_IN_URL, "$1***@").replace(SECRET_IN_QUERY, "$1***");
}

const SECRET_NAME =
  /password|passwd|secret|token|api[-_]?key|access[-_]?key|credential|authorization|dsn$|url$/i;

/** Whether a configuration or header field of this name is to be treated as secret. */
export function isSecretName(name: string): boolean {
  return SECRET_NAME.test(name);
}
