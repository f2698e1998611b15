// A link or form marked data-dialog is a page with an address of its own, and opens as
// a dialog over the page that it is on. The address bar shows the dialog's, so that a
// reload and a copied link show it as a page; Back closes it. Without scripts, or when
// the part cannot be had, the browser opens the page.

import { one } from './dom';
import { part, type Part } from './http';

let shown: HTMLDialogElement | null = null;
let below = ''; // the address of the page under the dialog
let latest = 0; // a slow answer does not overtake a newer question

function fill(dialog: HTMLDialogElement, got: Part): void {
  dialog.replaceChildren(got.content);
  const title = one('h1, h2', dialog);
  if (title) {
    title.id ||= 'dialog-title';
    dialog.setAttribute('aria-labelledby', title.id);
  }
  one('[autofocus], .errors, input:not([type=hidden])', dialog)?.focus();
}

/** Says that nobody answered, above what was typed. Whether a change was made is not known. */
function unanswered(dialog: HTMLDialogElement): void {
  const note = one<HTMLTemplateElement>('#unanswered')?.content.cloneNode(true);
  one('.unanswered', dialog)?.remove();
  if (note) {
    dialog.prepend(note);
  }
}

/** Opens the page at an address as a dialog. */
export async function open(address: string, init?: RequestInit): Promise<void> {
  const mine = ++latest;
  try {
    const got = await part(address, init);
    if (!got || mine !== latest) {
      return;
    }
    if (!shown) {
      below = location.href;
      shown = document.createElement('dialog');
      shown.className = 'dialog';
      shown.addEventListener('close', closed);
      document.body.append(shown);
      shown.showModal();
      history.pushState({ dialog: true }, '', got.address);
    } else {
      history.replaceState({ dialog: true }, '', got.address);
    }
    fill(shown, got);
  } catch {
    if (shown && init) {
      unanswered(shown);
    } else {
      location.assign(address);
    }
  }
}

function closed(): void {
  shown?.remove();
  shown = null;
  latest++;
  if (history.state?.dialog) {
    history.back();
  }
}

addEventListener('popstate', (event) => {
  if (shown && location.href === below) {
    shown.close();
  } else if (!shown && event.state?.dialog) {
    location.reload(); // forward again: as a page
  }
});

document.addEventListener('click', (event) => {
  const target = event.target as Element;
  const close = target.closest('[data-close]');
  if (close && shown?.contains(close)) {
    event.preventDefault();
    shown.close();
    return;
  }
  const link = target.closest<HTMLAnchorElement>('a[data-dialog]');
  if (!link || event.defaultPrevented || event.button !== 0 || event.ctrlKey || event.metaKey || event.shiftKey) {
    return;
  }
  event.preventDefault();
  link.closest<HTMLElement>('.menu:popover-open')?.hidePopover();
  void open(link.href);
});

document.addEventListener('submit', (event) => {
  const form = event.target as HTMLFormElement;
  if (!shown?.contains(form) || form.method === 'dialog') {
    return;
  }
  event.preventDefault();
  const button = event.submitter as HTMLButtonElement | null;
  const data = new FormData(form, button);
  const action = form.getAttribute('action') ?? ''; // form.action may be a field of that name
  if (form.method === 'get') {
    const url = new URL(action, document.baseURI);
    url.search = new URLSearchParams(data as unknown as Record<string, string>).toString();
    void open(url.href);
    return;
  }
  if (button) {
    button.disabled = true; // an answer replaces it
  }
  const multipart = form.enctype === 'multipart/form-data';
  const body = multipart ? data : new URLSearchParams(data as unknown as Record<string, string>);
  void open(action, { method: 'POST', body }).finally(() => {
    if (button) {
      button.disabled = false;
    }
  });
});
