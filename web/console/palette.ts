// The palette of Ctrl+K: pages and actions of this page by their names, and the search
// for everything else.

import { all, at, one } from './dom';

interface Entry {
  name: string;
  where: string;
  run: () => void;
}

/** What can be gone to: the side bar, the actions of the page, and the search. */
function entries(): Entry[] {
  const links = all('.side li a, .page-head .actions > *, [data-palette]');
  return links.map((link) => ({
    name: one('.name', link)?.textContent ?? link.textContent?.trim() ?? '',
    where: link.closest('ul')?.getAttribute('aria-label') ?? '',
    run: () => link.click(),
  }));
}

/** How well a name fits what was typed: 0 is not at all. */
export function fit(name: string, typed: string): number {
  const n = name.toLowerCase();
  const t = typed.trim().toLowerCase();
  if (n.startsWith(t)) {
    return 3;
  }
  if (n.split(/\s+/).some((word) => word.startsWith(t))) {
    return 2;
  }
  return n.includes(t) ? 1 : 0;
}

let found: Entry[] = [];
let chosen = 0;

function draw(): void {
  const field = at<HTMLInputElement>('palette-field');
  const list = at('palette-list');
  found = entries()
    .map((entry) => ({ entry, rank: fit(entry.name, field.value) }))
    .filter((each) => each.rank > 0)
    .sort((a, b) => b.rank - a.rank)
    .map((each) => each.entry);
  const typed = field.value.trim();
  const form = one<HTMLInputElement>('#search')?.form;
  if (typed && form) {
    const label = (list.dataset['search'] ?? '%s').replace('%s', () => typed);
    found.push({
      name: label,
      where: '',
      run: () => {
        at<HTMLInputElement>('search').value = typed;
        form.requestSubmit();
      },
    });
  }
  chosen = 0;
  list.replaceChildren(
    ...found.map((entry, i) => {
      const item = document.createElement('li');
      item.id = `palette-${i}`;
      item.setAttribute('role', 'option');
      const where = document.createElement('span');
      where.className = 'third';
      where.textContent = entry.where;
      item.append(entry.name, where);
      item.addEventListener('click', () => run(i));
      return item;
    }),
  );
  mark();
}

function mark(): void {
  all('[role=option]', at('palette-list')).forEach((item, i) => {
    item.setAttribute('aria-selected', String(i === chosen));
    if (i === chosen) {
      item.scrollIntoView({ block: 'nearest' });
    }
  });
  at('palette-field').setAttribute('aria-activedescendant', found.length ? `palette-${chosen}` : '');
}

function run(i: number): void {
  at<HTMLDialogElement>('palette').close();
  found[i]?.run();
}

/** Opens the palette, where the page has one. */
export function show(): void {
  const dialog = one<HTMLDialogElement>('#palette');
  if (!dialog || dialog.open || one('dialog:modal')) {
    return;
  }
  at<HTMLInputElement>('palette-field').value = '';
  draw();
  dialog.showModal();
}

const field = one<HTMLInputElement>('#palette-field');
field?.addEventListener('input', draw);
field?.addEventListener('keydown', (event) => {
  const step = { ArrowDown: 1, ArrowUp: -1 }[event.key];
  if (step && found.length) {
    event.preventDefault();
    chosen = (chosen + step + found.length) % found.length;
    mark();
  } else if (event.key === 'Enter') {
    event.preventDefault();
    run(chosen);
  }
});
