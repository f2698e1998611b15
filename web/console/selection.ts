// <o-selection> around a table with a checkbox per row: the head's checkbox selects this
// page, Shift a range, and the foot says how many are selected. All that match are
// chosen by the foot's button, which is the server's.

import { all, announce, one } from './dom';

class Selection extends HTMLElement {
  private last: HTMLInputElement | null = null;

  connectedCallback(): void {
    this.addEventListener('click', (event) => {
      const box = event.target;
      if (!(box instanceof HTMLInputElement) || box.type !== 'checkbox') {
        return;
      }
      if (box.matches('thead input')) {
        this.boxes().forEach((each) => (each.checked = box.checked));
      } else if (box.matches('tbody .pick input')) {
        if (event.shiftKey && this.last) {
          const boxes = this.boxes();
          const ends = [boxes.indexOf(this.last), boxes.indexOf(box)].sort((a, b) => a - b);
          boxes.slice(ends[0], ends[1]! + 1).forEach((each) => (each.checked = box.checked));
        }
        this.last = box;
      } else {
        return;
      }
      this.count();
    });
    this.count(true);
  }

  private boxes(): HTMLInputElement[] {
    return all<HTMLInputElement>('tbody .pick input', this);
  }

  private count(silent = false): void {
    const boxes = this.boxes();
    const n = boxes.filter((box) => box.checked).length;
    const head = one<HTMLInputElement>('thead .pick input', this);
    if (head) {
      head.checked = n > 0 && n === boxes.length;
      head.indeterminate = n > 0 && n < boxes.length;
    }
    for (const each of all('[data-selected]', this)) {
      each.hidden = (each.dataset['selected'] === 'some') !== n > 0;
    }
    const text = one('[data-count]', this);
    if (text) {
      text.textContent = (text.dataset['count'] ?? '').replace('%d', String(n));
      if (!silent) {
        announce(text.textContent);
      }
    }
  }
}

customElements.define('o-selection', Selection);
