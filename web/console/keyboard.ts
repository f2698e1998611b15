// The keys of the console. Single ones never fire while somebody types, and can be
// switched off; then Ctrl+K and what the browser knows itself remain.

import { at, keep, one, typing } from './dom';
import { act, enter, move, pick } from './rows';
import { show as showPalette } from './palette';

const off = 'keys-off';
let first = ''; // g waits for its second key
let timer = 0;

function go(key: string): boolean {
  const link = one<HTMLAnchorElement>(`[data-go="${CSS.escape(key)}"]`);
  link?.click();
  return Boolean(link);
}

function sheet(): boolean {
  const dialog = one<HTMLDialogElement>('#keys');
  dialog?.showModal();
  return Boolean(dialog);
}

function search(): boolean {
  const field = one<HTMLInputElement>('#search');
  field?.focus();
  field?.select();
  return Boolean(field);
}

const single: Record<string, () => boolean | void> = {
  '/': search,
  '?': sheet,
  j: () => move(1),
  k: () => move(-1),
  x: pick,
  v: () => act('[data-verb="verify"]'),
  '.': () => act('[popovertarget]'),
  g: () => {
    first = 'g';
    clearTimeout(timer);
    timer = setTimeout(() => (first = ''), 1500);
  },
};

function switchedOff(): boolean {
  return document.documentElement.classList.contains(off);
}

document.addEventListener('keydown', (event) => {
  if (event.key.toLowerCase() === 'k' && (event.ctrlKey || event.metaKey) && !event.altKey && !event.shiftKey) {
    event.preventDefault();
    showPalette();
    return;
  }
  if (event.defaultPrevented || event.ctrlKey || event.metaKey || event.altKey || event.isComposing) {
    return;
  }
  if (typing(event.target) || one('dialog:modal') || one('.menu:popover-open')) {
    return;
  }
  if (event.key === 'Enter') {
    if (enter()) {
      event.preventDefault();
    }
    return;
  }
  if (switchedOff()) {
    return;
  }
  if (first === 'g') {
    first = '';
    if (go(event.key)) {
      event.preventDefault();
      return;
    }
  }
  const does = single[event.key];
  if (does && does() !== false) {
    event.preventDefault();
  }
});

const choice = one<HTMLInputElement>('#keys-on');
choice?.addEventListener('change', () => {
  document.documentElement.classList.toggle(off, !choice.checked);
  keep('keys', choice.checked ? '' : 'off');
});

one('[data-keys]')?.addEventListener('click', () => {
  one<HTMLElement>('.menu:popover-open')?.hidePopover();
  at<HTMLDialogElement>('keys').showModal();
});
