// All requests of the scripts, and the only way from text to elements. The policy of
// Trusted Types is known in this file alone, and is given what our own server answered.

interface Policy {
  createHTML(text: string): string;
}

declare global {
  interface Window {
    trustedTypes?: { createPolicy(name: string, rules: Policy): Policy };
  }
}

const policy: Policy = window.trustedTypes?.createPolicy('ostiary', { createHTML: (text) => text }) ?? {
  createHTML: (text) => text,
};

/** What the server said in place of an answer; problem is its document, if it sent one. */
export class Refused extends Error {
  constructor(
    readonly status: number,
    readonly problem: Problem,
  ) {
    super(problem.detail ?? '');
  }
}

export interface Problem {
  code?: string;
  detail?: string;
  hint?: string;
  instance?: string;
  fields?: string[];
}

/** A part of a page of our own, and the address that it came from. */
export interface Part {
  address: string;
  content: DocumentFragment;
}

/** Asks for a part of a page. It gives null where the server leads on to a whole page. */
export async function part(address: string, init: RequestInit = {}): Promise<Part | null> {
  const url = new URL(address, document.baseURI);
  if (url.origin !== location.origin) {
    throw new TypeError('not our server: ' + url.origin);
  }
  const headers = new Headers(init.headers);
  headers.set('Ostiary-Part', 'dialog');
  const answer = await fetch(url, { ...init, headers, credentials: 'same-origin' });
  const ours = new URL(answer.url).origin === location.origin;
  const html = answer.headers.get('Content-Type')?.startsWith('text/html') ?? false;
  if (!ours || !html) {
    throw new TypeError('not a page of ours: ' + answer.url);
  }
  if (answer.headers.get('Ostiary-Part') !== 'dialog') {
    location.assign(answer.url);
    return null;
  }
  const template = document.createElement('template');
  template.innerHTML = policy.createHTML(await answer.text());
  return { address: answer.url, content: template.content };
}

/** A whole page of our own, to take a part of it. */
export async function page(address: string): Promise<DocumentFragment> {
  const answer = await fetch(address, { credentials: 'same-origin' });
  if (new URL(answer.url).origin !== location.origin) {
    throw new TypeError('not our server: ' + answer.url);
  }
  const template = document.createElement('template');
  template.innerHTML = policy.createHTML(await answer.text());
  return template.content;
}

/** Sends JSON without the user's session, and gives the answer's JSON; otherwise it throws. */
export async function send<Answer>(address: string, body: unknown): Promise<Answer> {
  const answer = await fetch(new URL(address, document.baseURI), {
    method: 'POST',
    headers: { 'Content-Type': 'application/json' },
    body: JSON.stringify(body),
    credentials: 'omit',
    redirect: 'error',
  });
  const json: unknown = await answer.json();
  if (!answer.ok) {
    throw new Refused(answer.status, json as Problem);
  }
  return json as Answer;
}
