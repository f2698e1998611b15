// Menus are popovers: the browser opens, closes and stacks them. This adds the arrow
// keys, the first letter, and a place beside the button where anchors are not known.

import { all, one } from './dom';

const anchored = CSS.supports('position-area', 'block-end span-inline-start');
const items = 'a[href], button:not(:disabled), input';

/** The button that opened a menu. */
function opener(menu: HTMLElement): HTMLElement | null {
  return one(`[popovertarget="${CSS.escape(menu.id)}"]`);
}

function place(menu: HTMLElement): void {
  const button = opener(menu)?.getBoundingClientRect();
  if (!button) {
    return;
  }
  const box = menu.getBoundingClientRect();
  const below = button.bottom + box.height + 8 < innerHeight;
  menu.style.top = `${below ? button.bottom : Math.max(4, button.top - box.height - 8)}px`;
  menu.style.left = `${Math.max(8, Math.min(button.right - box.width, innerWidth - box.width - 8))}px`;
}

document.addEventListener(
  'toggle',
  (event) => {
    const menu = event.target;
    if (!(menu instanceof HTMLElement) || !menu.matches('.menu') || (event as ToggleEvent).newState !== 'open') {
      return;
    }
    if (!anchored) {
      place(menu);
    }
    one(items, menu)?.focus();
  },
  true,
);

document.addEventListener('keydown', (event) => {
  const menu = (event.target as Element).closest<HTMLElement>('.menu:popover-open');
  if (!menu || event.ctrlKey || event.metaKey || event.altKey) {
    return;
  }
  const list = all(items, menu);
  const here = list.indexOf(document.activeElement as HTMLElement);
  let next: HTMLElement | undefined;
  switch (event.key) {
    case 'ArrowDown':
      next = list[(here + 1) % list.length];
      break;
    case 'ArrowUp':
      next = list[(here - 1 + list.length) % list.length];
      break;
    case 'Home':
      next = list[0];
      break;
    case 'End':
      next = list.at(-1);
      break;
    case 'Tab':
      menu.hidePopover();
      return;
    default: {
      if (event.key.length !== 1 || event.key === ' ') {
        return;
      }
      const begins = (item: HTMLElement) =>
        item.textContent?.trim().toLowerCase().startsWith(event.key.toLowerCase()) ?? false;
      next = [...list.slice(here + 1), ...list.slice(0, here + 1)].find(begins);
    }
  }
  // Radio buttons keep their own arrow keys.
  if (document.activeElement instanceof HTMLInputElement && event.key.startsWith('Arrow')) {
    return;
  }
  event.preventDefault();
  event.stopPropagation();
  next?.focus();
});
