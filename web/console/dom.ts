// Small things that every element needs.

/** The first element that matches, below root. */
export function one<E extends Element = HTMLElement>(selector: string, root: ParentNode = document): E | null {
  return root.querySelector<E>(selector);
}

export function all<E extends Element = HTMLElement>(selector: string, root: ParentNode = document): E[] {
  return [...root.querySelectorAll<E>(selector)];
}

/** An element of the page that must be there. */
export function at<E extends HTMLElement = HTMLElement>(id: string): E {
  const found = document.getElementById(id);
  if (!found) {
    throw new Error('the page has no #' + id);
  }
  return found as E;
}

/** Says something to those who hear the page, in its polite live region. */
export function announce(text: string): void {
  const region = one('#status');
  if (region) {
    region.textContent = text;
  }
}

/** Whether the user is typing: then a key means its letter. */
export function typing(target: EventTarget | null): boolean {
  return (
    target instanceof HTMLElement &&
    (target.isContentEditable ||
      target.matches('textarea, select, input:not([type=checkbox], [type=radio], [type=button], [type=submit])'))
  );
}

/** Keeps a choice for the next page, so that the server's first paint is right. */
export function keep(name: string, value: string): void {
  const secure = location.protocol === 'https:' ? '; Secure' : '';
  const year = 365 * 24 * 60 * 60;
  document.cookie = `${name}=${value}; Path=/; SameSite=Strict; Max-Age=${value ? year : 0}${secure}`;
}
