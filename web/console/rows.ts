// The rows of the list on the page: one is the current one, and keys act on it. Its
// actions are the row's own links and buttons, so that a key does what they do.

import { all, one } from './dom';

function rows(): HTMLTableRowElement[] {
  return all<HTMLTableRowElement>('.grid tbody tr');
}

function current(): HTMLTableRowElement | null {
  return (document.activeElement?.closest('.grid tbody tr') as HTMLTableRowElement | null) ?? null;
}

/** Goes to the next row, or with -1 to the one before. */
export function move(by: 1 | -1): void {
  const list = rows();
  const row = current();
  const next = row ? list[list.indexOf(row) + by] : list[by === 1 ? 0 : list.length - 1];
  if (next) {
    next.tabIndex = -1;
    next.focus({ focusVisible: true } as FocusOptions);
    next.scrollIntoView({ block: 'nearest' });
  }
}

/** Selects the current row, or no longer. */
export function pick(): void {
  act('.pick input');
}

/** Does what the current row has for a selector. It says whether there is such a thing. */
export function act(selector: string): boolean {
  const row = current();
  const target = row && one(selector, row);
  target?.click();
  return Boolean(target);
}

/** Opens the current row, when it is the row itself that has the focus. */
export function enter(): boolean {
  return document.activeElement instanceof HTMLTableRowElement && act('[data-open], th a');
}
